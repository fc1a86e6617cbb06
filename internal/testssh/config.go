package testssh

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeConfig writes sshd_config for the port.
func (s *Server) writeConfig(o Options) {
	s.tb.Helper()
	lines := []string{
		"Port " + fmt.Sprint(s.Port),
		"ListenAddress " + s.Host(),
		"PidFile none",
		"AuthorizedKeysFile " + filepath.Join(s.dir, "authorized_keys"),
		"AuthenticationMethods publickey",
		"PermitRootLogin prohibit-password",
		"StrictModes no",
		"UsePAM no",
		"UseDNS no",
		"PrintMotd no",
		"LogLevel VERBOSE",
		"MaxStartups 100",
		"LoginGraceTime 60",
		"SetEnv " + strings.Join(s.env(o), " "),
	}
	files := o.HostKeyFiles
	if len(files) == 0 {
		for _, t := range hostKeyTypes(o.HostKeyTypes) {
			files = append(files, filepath.Join(s.dir, "host_"+t))
		}
	}
	for _, file := range files {
		lines = append(lines, "HostKey "+file)
	}
	if !o.NoProtocolV2 {
		lines = append(lines, "AcceptEnv GIT_PROTOCOL")
	}
	if o.PubkeyAccepted != "" {
		lines = append(lines, "PubkeyAcceptedAlgorithms "+o.PubkeyAccepted)
	}
	lines = append(lines, o.Config...)
	text := strings.Join(lines, "\n") + "\n"
	must(s.tb, os.WriteFile(filepath.Join(s.dir, "sshd_config"), []byte(text), 0o600))
}

// env is the environment of the served git. sshd heeds one SetEnv line only.
// SHLVL keeps bash from reading start-up files, which would add 120 ms and more
// to each session.
func (s *Server) env(o Options) []string {
	settings := append([]string{"safe.directory=*"}, o.GitConfig...)
	if !o.NoFilter {
		settings = append(settings, "uploadpack.allowFilter=true")
	}
	env := []string{
		"SHLVL=5",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)),
	}
	for i, kv := range settings {
		k, v, _ := strings.Cut(kv, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, k), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, v))
	}
	return env
}
