package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"issuetrail/internal/testssh"
)

// A piece is how much of a key counts as found: 40 characters as text, 24 bytes as they are.
const textPiece, bytePiece = 40, 24

// A secretScan knows secrets and looks for them in texts.
type secretScan struct {
	t      *testing.T
	text   map[[textPiece]byte]string // what it is of
	bytes  map[[bytePiece]byte]string
	words  map[string]string // whole words, what they are
	looked int               // bytes
}

func newSecretScan(t *testing.T) *secretScan {
	return &secretScan{t: t, text: map[[textPiece]byte]string{}, bytes: map[[bytePiece]byte]string{}, words: map[string]string{}}
}

// word is a secret that is looked for as a whole: as it is, in base64 and in hex.
func (s *secretScan) word(name, word string) string {
	s.words[word] = name
	s.words[hex.EncodeToString([]byte(word))] = name + " in hex"
	for cut := range 3 { // wherever it begins in a group of three
		b := base64.RawStdEncoding.EncodeToString([]byte(word[cut:]))
		s.words[b[:len(b)/4*4]] = name + " in base64"
	}
	return word
}

func (s *secretScan) pieces(name, text string) {
	for i := 0; i+textPiece <= len(text); i++ {
		s.text[[textPiece]byte([]byte(text[i:]))] = name
	}
}

// key is an RSA key: all that is secret of it, as bytes, in hex, and in base64 wherever it begins in a group of three.
// So it is found in each of the formats, and in whatever a program may make of it.
func (s *secretScan) key(name string, key *rsa.PrivateKey) {
	key.Precompute()
	for part, n := range map[string]*big.Int{
		"d": key.D, "p": key.Primes[0], "q": key.Primes[1], "dp": key.Precomputed.Dp, "dq": key.Precomputed.Dq, "qinv": key.Precomputed.Qinv,
	} {
		b, name := n.Bytes(), name+", "+part
		for i := 0; i+bytePiece <= len(b); i++ {
			s.bytes[[bytePiece]byte(b[i:])] = name
		}
		s.pieces(name+" in hex", hex.EncodeToString(b))
		s.pieces(name+" in hex", strings.ToUpper(hex.EncodeToString(b)))
		s.pieces(name+" in decimal", n.String())
		for cut := range 3 {
			for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				text := enc.EncodeToString(b[cut:])
				s.pieces(name+" in base64", text[:len(text)/4*4])
			}
		}
	}
}

// file is what a person had the key in, encrypted perhaps: the lines of its second half, where nothing public stands.
func (s *secretScan) file(name, text string) {
	lines := strings.Fields(text)
	for _, line := range lines[len(lines)/2+1:] {
		s.pieces(name, line)
	}
}

// found are the secrets in a text, with how many pieces.
func (s *secretScan) found(content []byte) map[string]int {
	s.looked += len(content)
	found := map[string]int{}
	for i := range content {
		rest := content[i:]
		if len(rest) >= bytePiece {
			if name, ok := s.bytes[[bytePiece]byte(rest)]; ok {
				found[name]++
			}
		}
		if len(rest) >= textPiece {
			if name, ok := s.text[[textPiece]byte(rest)]; ok {
				found[name]++
			}
		}
	}
	for word, name := range s.words {
		if n := bytes.Count(content, []byte(word)); n > 0 {
			found[name] += n
		}
	}
	return found
}

// in looks for all secrets but those that may be there.
func (s *secretScan) in(where string, content []byte, may ...string) {
	s.t.Helper()
	for name, n := range s.found(content) {
		if !slices.Contains(may, name) {
			s.t.Errorf("%s holds %s, %d pieces", where, name, n)
		}
	}
}

// folder looks into all files below a folder, and at their names. may are the secrets that a file holds by its purpose.
func (s *secretScan) folder(dir string, may map[string]string) {
	s.t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		s.in(path, append(text, path...), may[filepath.Base(path)])
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}

// parsePEM is the key of PKCS#1 PEM.
func parsePEM(t *testing.T, text []byte) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("no PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// stored opens the keys in the daemon's database as somebody does who has the master key as well.
func (w *world) stored(master string) (list []*rsa.PrivateKey) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "data/issuetrail.db")+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT cipher FROM managed_key")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	secret, err := hex.DecodeString(strings.TrimSpace(master))
	if err != nil {
		w.t.Fatal(err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		w.t.Fatal(err)
	}
	for rows.Next() {
		var sealed []byte
		if err := rows.Scan(&sealed); err != nil {
			w.t.Fatal(err)
		}
		text, err := gcm.Open(nil, sealed[:12], sealed[12:], []byte("managed_key\x00cipher\x001"))
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, parsePEM(w.t, text))
	}
	if rows.Err() != nil || len(list) == 0 {
		w.t.Fatalf("%d keys, %v", len(list), rows.Err())
	}
	return list
}

// TestSecretScan: the scan finds a key in each of its forms, and takes nothing public for one.
func TestSecretScan(t *testing.T) {
	w := newSecretWorld(t)
	plain, encrypted := w.keyFiles()
	one := parsePEM(t, []byte(w.read("keys/one")))
	forms := map[string]string{
		"DER": string(x509.MarshalPKCS1PrivateKey(one)), "a number": one.D.String(), "hex": hex.EncodeToString(one.Primes[0].Bytes())[7:60],
		"a line of it": strings.Split(w.read("keys/one"), "\n")[10], "a dump": strings.ToUpper(hex.EncodeToString(x509.MarshalPKCS1PrivateKey(one)))[900:],
		"a passphrase": "x" + w.pass, "a login": base64.StdEncoding.EncodeToString([]byte("somebody:" + w.pass)),
	}
	for _, name := range append(plain, encrypted...) {
		forms[name] = strings.ReplaceAll(w.read("keys/"+name), "\n", `\n`)
	}
	for name, text := range forms {
		if len(w.scan.found([]byte("before "+text+" after"))) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	_, signer := testssh.NewKey(t)
	for _, key := range []ssh.PublicKey{signer.PublicKey(), publicOf(t, one)} {
		if found := w.scan.found(append(ssh.MarshalAuthorizedKey(key), key.Marshal()...)); len(found) > 0 {
			t.Errorf("in a public key: %v", found)
		}
	}
}

func publicOf(t *testing.T, key *rsa.PrivateKey) ssh.PublicKey {
	t.Helper()
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return public
}
