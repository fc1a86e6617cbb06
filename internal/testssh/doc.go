// Package testssh runs a real OpenSSH server with real git repositories for
// tests. It listens on loopback, with its own config and keys, as whatever
// user runs the tests. The product does not import it.
//
// It needs the programs sshd and git (Debian: openssh-server, git).
package testssh
