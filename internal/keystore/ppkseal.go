package keystore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"math/big"
	"strconv"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/ssh"
)

// argon2Params are the key derivation of a PuTTY key of version 3.
type argon2Params struct {
	flavour               string // "Argon2id", "Argon2i" or "Argon2d"
	memory, passes, lanes int    // memory in KiB
	salt                  []byte
}

// read takes the fields in their order.
func (p *argon2Params) read(next func(name, end string) ([]byte, bool)) bool {
	var values [5][]byte
	names := []string{"Key-Derivation", "Argon2-Memory", "Argon2-Passes", "Argon2-Parallelism", "Argon2-Salt", "Private-Lines"}
	for i := range values {
		value, found := next(names[i], names[i+1])
		if !found {
			return false
		}
		values[i] = bytes.TrimSpace(value)
	}
	p.flavour = string(values[0])
	for i, into := range []*int{&p.memory, &p.passes, &p.lanes} {
		n, err := strconv.ParseUint(string(values[i+1]), 10, 31)
		if err != nil || n == 0 {
			return false
		}
		*into = int(n)
	}
	p.salt = leadingHex(values[4])
	return len(p.salt) > 0 && 2*len(p.salt) == len(values[4])
}

// key makes 80 bytes from the passphrase.
func (p argon2Params) key(passphrase []byte) []byte {
	const size = 32 + 16 + 32
	defer costly()()
	switch p.flavour {
	case "Argon2i":
		return argon2.Key(passphrase, p.salt, uint32(p.passes), uint32(p.memory), uint8(p.lanes), size)
	case "Argon2d":
		return argon2d(passphrase, p.salt, uint32(p.passes), uint32(p.memory), uint32(p.lanes), size)
	}
	return argon2.IDKey(passphrase, p.salt, uint32(p.passes), uint32(p.memory), uint8(p.lanes), size)
}

// allowArgon2 refuses what would cost too much memory or time.
func (s source) allowArgon2(p argon2Params) error {
	mend := s.toOpenSSH()
	if p.flavour != "Argon2id" && p.flavour != "Argon2i" && p.flavour != "Argon2d" {
		return s.fail(CodeUnreadable, "is a PuTTY key, its passphrase is used in a way that is not known here; run: %s", mend)
	}
	for _, c := range []struct {
		n, most int
		what    string
	}{
		{p.memory, maxArgon2KiB, "KiB of memory for Argon2"},
		{p.lanes, maxArgon2Lanes, "threads for Argon2"},
		{p.passes, maxArgon2Work, "passes of Argon2"},
		{p.passes * max(p.memory, 8*p.lanes), maxArgon2Work, "KiB in all passes of Argon2"},
	} {
		if err := s.allow(c.n, c.most, c.what, mend); err != nil {
			return err
		}
	}
	return nil
}

// ppkSecrets are what the passphrase gives.
type ppkSecrets struct{ key, iv, mac []byte }

func (s source) ppkSecrets(f ppk) (ppkSecrets, error) {
	switch {
	case f.version == '3' && f.cipher == "none":
		return ppkSecrets{}, nil
	case f.version == '3':
		if err := s.allowArgon2(f.kdf); err != nil {
			return ppkSecrets{}, err
		}
		all := f.kdf.key(s.passphrase)
		return ppkSecrets{all[:32], all[32:48], all[48:]}, nil
	}
	var pass []byte
	if f.cipher != "none" {
		pass = s.passphrase
	}
	one := sha1.Sum(append([]byte{0, 0, 0, 0}, pass...))
	two := sha1.Sum(append([]byte{0, 0, 0, 1}, pass...))
	mac := sha1.Sum(append([]byte("putty-private-key-file-mac-key"), pass...))
	return ppkSecrets{append(one[:], two[:12]...), make([]byte, 16), mac[:]}, nil
}

// openPPK decrypts the private half and checks the MAC, always. Where the MAC is wrong, the
// numbers tell a changed file from a wrong passphrase.
func (s source) openPPK(f ppk, modulus *big.Int) ([]byte, error) {
	encrypted := f.cipher != "none"
	if encrypted && len(f.private)%16 != 0 {
		return nil, s.damaged()
	}
	if encrypted && len(s.passphrase) == 0 {
		return nil, s.passphraseRequired()
	}
	secrets, err := s.ppkSecrets(f)
	if err != nil {
		return nil, err
	}
	defer clear(secrets.key)
	defer clear(secrets.mac)
	plain := bytes.Clone(f.private)
	if encrypted {
		var ok bool
		if plain, ok = aes256.open(secrets.key, secrets.iv, f.private); !ok {
			return nil, s.damaged()
		}
	}
	for _, comment := range f.comments {
		if hmac.Equal(f.sum(secrets.mac, comment, plain), f.mac) {
			return plain, nil
		}
	}
	defer clear(plain)
	if n, ok := ppkNumbers(plain); ok && new(big.Int).Mul(n.P, n.Q).Cmp(modulus) == 0 {
		return nil, s.fail(CodeUnreadable, "the PuTTY key was changed after it was written (its MAC is wrong); copy the file again, or run: %s", s.newKey())
	}
	if encrypted {
		return nil, s.fail(CodePassphraseWrong, "the key has another passphrase; try it: %s", s.toOpenSSH())
	}
	return nil, s.damaged()
}

func (f ppk) hash() func() hash.Hash {
	if f.version == '2' {
		return sha1.New
	}
	return sha256.New
}

func (f ppk) macSize() int { return f.hash()().Size() }

// sum is the MAC over all that the file says.
func (f ppk) sum(key, comment, plain []byte) []byte {
	h := hmac.New(f.hash(), key)
	text := ssh.Marshal(struct {
		Kind, Cipher             string
		Comment, Public, Private []byte
	}{f.kind, f.cipher, comment, f.public, plain})
	defer clear(text)
	h.Write(text)
	return h.Sum(nil)
}

// leadingHex decodes the hexadecimal word at the front of a text.
func leadingHex(text []byte) []byte {
	text = bytes.TrimSpace(text)
	n := 0
	for n < len(text) && bytes.IndexByte([]byte("0123456789abcdefABCDEF"), text[n]) >= 0 {
		n++
	}
	out, err := hex.DecodeString(string(text[:n]))
	if err != nil {
		return nil
	}
	return out
}
