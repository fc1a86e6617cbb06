package testssh

import (
	"bytes"

	"golang.org/x/crypto/ssh"
)

// login takes one RSA key with a SHA-1 signature.
func (c *oldConn) login() error {
	if _, err := c.expect(msgServiceRequest); err != nil {
		return err
	}
	accept := ssh.Marshal(struct{ S string }{"ssh-userauth"})
	if err := c.send(append([]byte{msgServiceAccept}, accept...)); err != nil {
		return err
	}
	for {
		p, err := c.expect(msgAuth)
		if err != nil {
			return err
		}
		answer, done := c.judge(p)
		if err := c.send(answer); err != nil || done {
			return err
		}
	}
}

// judge answers one try to log in.
func (c *oldConn) judge(p []byte) (answer []byte, done bool) {
	var try struct {
		User, Service, Method string
		Rest                  []byte `ssh:"rest"`
	}
	var key struct {
		Signed    bool
		Algorithm string
		Blob      []byte
		Rest      []byte `ssh:"rest"`
	}
	failure := append([]byte{msgAuthFailure}, ssh.Marshal(struct {
		Methods string
		Partial bool
	}{"publickey", false})...)
	if ssh.Unmarshal(p[1:], &try) != nil || try.Method != "publickey" || ssh.Unmarshal(try.Rest, &key) != nil {
		return failure, false
	}
	public, err := ssh.ParsePublicKey(key.Blob)
	if err != nil {
		return failure, false
	}
	c.host.offered(key.Algorithm, public)
	if key.Algorithm != ssh.KeyAlgoRSA || !bytes.Equal(key.Blob, c.host.Signer.PublicKey().Marshal()) {
		return failure, false
	}
	if !key.Signed {
		return append([]byte{msgAuthKeyOK}, ssh.Marshal(struct {
			Algorithm string
			Blob      []byte
		}{key.Algorithm, key.Blob})...), false
	}
	var outer struct{ Sig []byte }
	var sig ssh.Signature
	if ssh.Unmarshal(key.Rest, &outer) != nil || ssh.Unmarshal(outer.Sig, &sig) != nil || sig.Format != ssh.KeyAlgoRSA {
		return failure, false
	}
	signed := append(ssh.Marshal(struct{ Session []byte }{c.session}), p[:len(p)-len(key.Rest)]...)
	if public.Verify(signed, &sig) != nil {
		return failure, false
	}
	return []byte{msgAuthSuccess}, true
}
