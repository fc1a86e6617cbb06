package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	creds := filepath.Join(dir, "creds")
	if err := os.Mkdir(creds, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{
		"good": 0o600, "read-only": 0o400, "group": 0o640, "world": 0o604, "write": 0o602, "creds/group": 0o440, "creds/world": 0o444,
	} {
		writeFile(t, filepath.Join(dir, name), "s3cret\r\n", mode)
	}
	writeFile(t, filepath.Join(dir, "empty"), " \n", 0o600)
	writeFile(t, filepath.Join(dir, "large"), strings.Repeat("x", maxSecret+1), 0o600)
	for file, want := range map[string]string{
		"good": "", "read-only": "", "creds/group": "", "./good": "",
		"group":        "the file named here: others can read it (mode 0640); run: chmod 600 " + dir + "/group",
		"./world":      dir + "/world: others can read it (mode 0604)",
		"write":        "others can read it (mode 0602)",
		"creds/world":  "others can read it (mode 0444)",
		"empty":        "is empty",
		"large":        "is larger than 65536 bytes",
		"pipe":         "is not a regular file",
		"creds":        "is not a regular file",
		"hunter2-word": "config.yaml:1:52: hosts[0].webhook_secret_file: the file named here: no such file or directory",
		"./none":       dir + "/none: no such file or directory",
		"'${SECRET}'":  "the file named here: no such file or directory",
		"'${DIR}/x'":   dir + "/x: no such file or directory",
	} {
		text := "hosts: [{name: a, kind: git, webhook_secret_file:   " + file + "}]\n"
		text = strings.Replace(text, ":   ", ":  ", 1)
		cfg, err := parse("config.yaml", dir, []byte(text), testChecks(map[string]string{"CREDENTIALS_DIRECTORY": creds, "SECRET": "hunter2", "DIR": dir}))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", file, err)
		case want == "" && cfg.Hosts[0].WebhookSecretFile != filepath.Join(dir, file):
			t.Errorf("%s became %s", file, cfg.Hosts[0].WebhookSecretFile)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %s", file, err, want)
		case err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("a secret is shown: %v", err)
		}
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/a", " two words \r\n\n", 0o600)
	writeFile(t, dir+"/b", "x", 0o644)
	if got, err := ReadSecret(dir + "/a"); err != nil || string(got) != " two words " {
		t.Errorf("%q, %v", got, err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := ReadSecret(dir + "/b"); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
}

func TestTLSPairAndKeyFile(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir+"/cert", "x", 0o644)
	writeFile(t, dir+"/key", "x", 0o600)
	writeFile(t, dir+"/open", "x", 0o644)
	for text, want := range map[string]string{
		"server: {tls: {cert_file: cert, key_file: key}}":                 "",
		"server: {tls: {cert_file: cert}}":                                "server.tls: cert_file is given and key_file is not",
		"server: {tls: {key_file: key}}":                                  "server.tls: key_file is given and cert_file is not",
		"server: {tls: {cert_file: cert, key_file: open}}":                "server.tls.key_file: the file named here: others can read it",
		"key: {file: open}":                                               "", // the keystore looks at it, and says more
		"key: {file: none}":                                               "key.file: the file named here: no such file",
		"key: {passphrase_file: key}":                                     "key.passphrase_file: is used with key.file only",
		"known_hosts_file: none":                                          "known_hosts_file: the file named here: no such file",
		"database: {url: \"postgres:///x\"}\nkey: {master_key_file: key}": "",
	} {
		_, err := parse("config.yaml", dir, []byte(text), testChecks(nil))
		if got := ""; err != nil {
			got = err.Error()
			if want == "" || !strings.Contains(got, want) || strings.Contains(got, "\n") {
				t.Errorf("%s: got %s, want %s", text, got, want)
			}
		} else if want != "" {
			t.Errorf("%s: accepted, want %s", text, want)
		}
	}
}

func TestNeedsRestart(t *testing.T) {
	old, changed := Defaults(), Defaults()
	changed.Sync.Workers, changed.Issues.Projects, changed.Server.PublicURL = 1, []string{"A"}, "https://x"
	if got := NeedsRestart(old, changed); len(got) != 0 {
		t.Errorf("%v can be reloaded", got)
	}
	changed.DataDir, changed.Server.TLS.KeyFile, changed.Database.URL = "x", "y", "z"
	if got := strings.Join(NeedsRestart(old, changed), " "); got != "data_dir server.tls.key_file database.url" {
		t.Error(got)
	}
}
