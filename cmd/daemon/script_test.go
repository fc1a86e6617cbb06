package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/testssh"
)

// TestScripts runs testdata/script/*.txtar: the real program against a real sshd. Beside the
// commands of testscript there are
//
//	exits STATUS COMMAND…   runs a command that must end with this exit status
//	repo NAME COUNT         makes the repository scripts/NAME of COUNT commits; its URL is in $URL_NAME
//	commit NAME REF TEXT    adds a commit to a ref of it; the hash is in $HASH
//	ready                   waits until the daemon answers on its control socket
//	equal JSON              the last stdout is this JSON
//	[unpackaged]            there is no config in /etc
//
// $SSHD is the host:port of the sshd, $FINGERPRINT that of its key. key.pem may log in there,
// other.pem may not, known_hosts trusts it. $ADDRESS is a free host:port for server.listen.
func TestScripts(t *testing.T) {
	sshd := testssh.Start(t, testssh.Options{})
	other, _ := testssh.NewKey(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			address, err := freePort()
			if err != nil {
				return err
			}
			e.Setenv("ADDRESS", address)
			bin := filepath.Join(e.WorkDir, "bin")
			e.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			e.Setenv(runMain, "1")
			e.Setenv("ISSUETRAIL_SOCKET", filepath.Join(e.WorkDir, "data/control.sock"))
			e.Setenv("SSHD", sshd.HostPort())
			e.Setenv("FINGERPRINT", ssh.FingerprintSHA256(sshd.HostKeys[0]))
			return errors.Join(os.Mkdir(bin, 0o700), os.Symlink(program, filepath.Join(bin, "issuetrail")),
				writePrivate(e.WorkDir, "key.pem", string(sshd.ClientKeyPEM)), writePrivate(e.WorkDir, "other.pem", string(other)),
				writePrivate(e.WorkDir, "known_hosts", sshd.KnownHosts()))
		},
		Condition: func(word string) (bool, error) {
			if word != "unpackaged" {
				return false, fmt.Errorf("no condition %q", word)
			}
			_, err := os.Stat(packagedConfig)
			return err != nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"repo":   func(ts *testscript.TestScript, _ bool, args []string) { scriptRepo(t, ts, sshd, args) },
			"commit": func(ts *testscript.TestScript, _ bool, args []string) { scriptCommit(t, ts, sshd, args) },
			"ready":  scriptReady,
			"equal":  equalJSON,
		},
	})
}

func writePrivate(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// scriptDir is where a repository of a script lies: scripts run at the same time.
func scriptDir(ts *testscript.TestScript, name string) string {
	return filepath.Join("scripts", strings.TrimSuffix(ts.Name(), ".txtar"), name+".git")
}

func scriptRepo(t *testing.T, ts *testscript.TestScript, sshd *testssh.Server, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := sshd.InitRepo(scriptDir(ts, args[0]))
	if n > 0 {
		testssh.AddCommits(t, dir, "main", n, nil)
	}
	ts.Setenv("URL_"+args[0], sshd.URL(dir))
}

func scriptCommit(t *testing.T, ts *testscript.TestScript, sshd *testssh.Server, args []string) {
	dir := filepath.Join(sshd.Root, scriptDir(ts, args[0]))
	ts.Setenv("HASH", testssh.AddCommits(t, dir, args[1], 1, func(int) string { return args[2] }))
}

// scriptReady waits until the script's daemon answers, half a minute at most.
func scriptReady(ts *testscript.TestScript, _ bool, _ []string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); ; <-tick.C {
		conn, err := net.Dial("unix", ts.Getenv("ISSUETRAIL_SOCKET"))
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("the daemon does not answer: %v", err)
		}
	}
}

// equalJSON compares stdout with what the argument holds, whatever the white space.
func equalJSON(ts *testscript.TestScript, _ bool, args []string) {
	var got, want any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &got))
	ts.Check(json.Unmarshal([]byte(args[0]), &want))
	if diff := cmp.Diff(want, got); diff != "" {
		ts.Fatalf("%s", diff)
	}
}

// freePort gives an address of loopback that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
