package testssh

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// clientKey is made once for each test program: 2048 bits take a moment.
var clientKey = sync.OnceValues(func() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, 2048)
})

// ClientKey is the key that every Server lets in, as PKCS#1 PEM and ready to sign.
func ClientKey(tb testing.TB) ([]byte, ssh.Signer) {
	tb.Helper()
	k, err := clientKey()
	must(tb, err)
	return marshal(tb, k)
}

// NewKey makes another RSA key of 2048 bits, which no Server lets in.
func NewKey(tb testing.TB) (pemBytes []byte, signer ssh.Signer) {
	tb.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	must(tb, err)
	return marshal(tb, k)
}

func marshal(tb testing.TB, k *rsa.PrivateKey) ([]byte, ssh.Signer) {
	tb.Helper()
	signer, err := ssh.NewSignerFromKey(k)
	must(tb, err)
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}
	return pem.EncodeToMemory(block), signer
}

func hostKeyTypes(types []string) []string {
	if len(types) == 0 {
		return []string{"ed25519"}
	}
	return types
}

// writeHostKeys makes one host key of each type. An RSA one is the same in all
// servers of a test program.
func (s *Server) writeHostKeys(types []string) {
	s.tb.Helper()
	for _, t := range hostKeyTypes(types) {
		var private crypto.Signer
		var err error
		switch t {
		case "ed25519":
			_, private, err = ed25519.GenerateKey(rand.Reader)
		case "ecdsa":
			private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case "rsa":
			private, err = clientKey()
		default:
			s.tb.Fatalf("host key type %q: want ed25519, ecdsa or rsa", t)
		}
		must(s.tb, err)
		block, err := ssh.MarshalPrivateKey(private, "")
		must(s.tb, err)
		must(s.tb, os.WriteFile(filepath.Join(s.dir, "host_"+t), pem.EncodeToMemory(block), 0o600))
		public, err := ssh.NewPublicKey(private.Public())
		must(s.tb, err)
		s.HostKeys = append(s.HostKeys, public)
	}
}
