package keystore

import (
	"net"
	"slices"

	"golang.org/x/crypto/ssh"
)

// Algorithms gives the host key algorithms to ask hostport for, so that it offers a key
// of a type that is known, the best ones first; empty = no key of it is known. Where an authority
// may vouch for the host, certificates come first, as with OpenSSH.
func (k *KnownHosts) Algorithms(hostport string) []string {
	hostport, err := HostPort(hostport)
	if err != nil {
		return nil
	}
	t := k.cur.Load()
	algorithms := algorithmsOf(t.about(fileName(hostport), false))
	if host, port, _ := net.SplitHostPort(hostport); len(algorithms) == 0 && port != "22" {
		algorithms = algorithmsOf(t.about(host, true))
	}
	return algorithms
}

func algorithmsOf(lines []hostLine) (algorithms []string) {
	known := func(marker string, types ...string) bool {
		return slices.ContainsFunc(lines, func(l hostLine) bool {
			return l.marker == marker && (len(types) == 0 || slices.Contains(types, l.key.Type()))
		})
	}
	if known(markAuthority) {
		algorithms = append(algorithms, certAlgorithms...)
	}
	for _, t := range hostKeyTypes {
		if !known("", t) {
			continue
		}
		if t == ssh.KeyAlgoRSA { // it signs with SHA-2 where the server can: RFC 8332
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		}
		algorithms = append(algorithms, t)
	}
	return algorithms
}

// hostKeyTypes are those that a server can have, the best first. DSA is no longer one.
var hostKeyTypes = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA,
}

// certAlgorithms are all of them: an authority signs host keys of other types than its own.
var certAlgorithms = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}
