package testssh

import "testing"

// StartGitBlit runs an imitation of GitBlit's SSH server, which is Apache MINA sshd 1.7: RSA
// keys sign with SHA-1 only, ours and its own, and no extension tells so. Repositories
// lie below Root, in folders: proj/repo.git.
func StartGitBlit(tb testing.TB) *Host {
	tb.Helper()
	return StartHost(tb, HostOptions{Old: true})
}
