package config

import "fmt"

// NeedsRestart names the keys that differ and that a reload cannot change.
func NeedsRestart(old, new *Config) []string {
	var names []string
	for _, k := range []struct {
		name     string
		old, new string
	}{
		{"data_dir", old.DataDir, new.DataDir},
		{"server.listen", old.Server.Listen, new.Server.Listen},
		{"server.webhook_listen", old.Server.WebhookListen, new.Server.WebhookListen},
		{"server.control_socket", old.Server.ControlSocket, new.Server.ControlSocket},
		{"server.tls.cert_file", old.Server.TLS.CertFile, new.Server.TLS.CertFile},
		{"server.tls.key_file", old.Server.TLS.KeyFile, new.Server.TLS.KeyFile},
		{"server.trusted_proxies", fmt.Sprint(old.Server.TrustedProxies), fmt.Sprint(new.Server.TrustedProxies)},
		{"database.url", old.Database.URL, new.Database.URL},
		{"key.file", old.Key.File, new.Key.File},
		{"key.passphrase_file", old.Key.PassphraseFile, new.Key.PassphraseFile},
		{"key.master_key_file", old.Key.MasterKeyFile, new.Key.MasterKeyFile},
		{"known_hosts_file", old.KnownHostsFile, new.KnownHostsFile},
	} {
		if k.old != k.new {
			names = append(names, k.name)
		}
	}
	return names
}
