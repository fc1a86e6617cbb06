package testssh

import (
	"bytes"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

func (h *Host) serverConfig(host ssh.Signer) *ssh.ServerConfig {
	sha2 := []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
	algorithms := func(given []string) []string {
		if given == nil {
			return sha2
		}
		return given
	}
	c := &ssh.ServerConfig{PublicKeyAuthAlgorithms: algorithms(h.o.KeyAlgorithms), MaxAuthTries: h.o.MaxAuthTries}
	c.PublicKeyCallback = func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		h.offered(key.Type(), key)
		ours := bytes.Equal(key.Marshal(), h.Signer.PublicKey().Marshal())
		if !ours && (!h.o.AnyKey || key.Type() != ssh.KeyAlgoRSA) {
			return nil, fmt.Errorf("key %s is not known", ssh.FingerprintSHA256(key))
		}
		return &ssh.Permissions{Extensions: map[string]string{"known": fmt.Sprint(ours)}}, nil
	}
	signer, err := ssh.NewSignerWithAlgorithms(host.(ssh.AlgorithmSigner), algorithms(h.o.HostKeyAlgorithms))
	must(h.tb, err)
	c.AddHostKey(signer)
	return c
}

// configOf is the configuration for one connection.
func (h *Host) configOf(raw net.Conn) *ssh.ServerConfig {
	if !h.o.HangUp {
		return h.config
	}
	c := *h.config
	c.PublicKeyCallback = func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		p, err := h.config.PublicKeyCallback(m, key)
		if err != nil {
			raw.Close()
		}
		return p, err
	}
	return &c
}

func (h *Host) offered(algorithm string, key ssh.PublicKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logins = append(h.logins, algorithm+" "+ssh.FingerprintSHA256(key))
}
