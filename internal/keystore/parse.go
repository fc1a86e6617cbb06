package keystore

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"regexp"
	"strings"
)

// maxKey bounds the text of a key, in bytes. A key of 16384 bits has 13 KB.
const maxKey = 64 << 10

// The PEM types that mean something here.
const (
	pkcs1     = "RSA PRIVATE KEY"
	pkcs8     = "PRIVATE KEY"
	pkcs8Enc  = "ENCRYPTED PRIVATE KEY"
	openSSH   = "OPENSSH PRIVATE KEY"
	pemEC     = "EC PRIVATE KEY"
	pemDSA    = "DSA PRIVATE KEY"
	ssh2Crypt = "SSH2 ENCRYPTED PRIVATE KEY"
)

// A source is a text that holds a key, with what its reader allows.
type source struct {
	text       []byte
	passphrase []byte
	file       string // as commands name it
	strict     bool   // PKCS#1 alone; for a file that is read at each start and never converted
}

func (s source) fail(code, format string, args ...any) error {
	return &KeyError{code, fmt.Sprintf(format, args...)}
}

// toPEM is the command that turns any key ssh-keygen reads into PKCS#1, in place.
func (s source) toPEM() string { return "ssh-keygen -p -m PEM -f " + s.file }

// newKey is the command for a key that cannot be mended.
func (s source) newKey() string { return "issuetrail key generate" }

// parse reads the key and says from which format: "", "pkcs8" or "openssh". The error is a
// *KeyError.
func (s source) parse() (*rsa.PrivateKey, string, error) {
	if err := s.refuseText(); err != nil {
		return nil, "", err
	}
	if !s.strict {
		s.text = tidy(s.text)
		defer clear(s.text)
	}
	block, err := s.block()
	if err != nil {
		return nil, "", err
	}
	defer clear(block.Bytes)
	var key *rsa.PrivateKey
	from := ""
	switch block.Type {
	case pkcs1:
		key, err = s.pkcs1(block)
	case pkcs8:
		from = "pkcs8"
		key, err = s.pkcs8(block)
	case openSSH:
		from = "openssh"
		key, err = s.openSSH(block)
	default:
		err = s.refuseType(block.Type)
	}
	if err == nil {
		err = s.check(key)
	}
	if err != nil {
		return nil, "", err
	}
	return key, from, nil
}

// check looks at a key that was read.
func (s source) check(key *rsa.PrivateKey) error {
	if err := s.checkBits(key.N.BitLen()); err != nil {
		return err
	}
	if len(key.Primes) != 2 {
		return s.fail(CodeUnreadable, "the RSA key has %d primes, and SSH knows keys of two only; run: %s", len(key.Primes), s.newKey())
	}
	if err := key.Validate(); err != nil {
		return s.fail(CodeUnreadable, "the RSA key is damaged: its numbers do not fit together; copy it again, or run: %s", s.newKey())
	}
	key.Precompute()
	return nil
}

func (s source) checkBits(bits int) error {
	if bits < MinBits {
		return s.fail(CodeTooShort, "the RSA key has %d bits, at least %d are needed; run: %s", bits, MinBits, s.newKey())
	}
	if bits > maxReadBits {
		return s.fail(CodeUnreadable, "the RSA key has %d bits, more than the %d that SSH servers take; run: %s", bits, maxReadBits, s.newKey())
	}
	return nil
}

var begin = regexp.MustCompile(`-----BEGIN ([A-Z0-9 ]{1,40})-----`)

// block finds the one private key in the text.
func (s source) block() (*pem.Block, error) {
	var types []string
	for _, m := range begin.FindAllSubmatch(s.text, -1) {
		types = append(types, string(m[1]))
	}
	if len(types) == 0 {
		return nil, s.fail(CodeUnreadable, "holds no key: the line -----BEGIN RSA PRIVATE KEY----- is missing; copy the whole file, or run: %s", s.newKey())
	}
	var private []string
	for _, t := range types {
		if strings.HasSuffix(t, "PRIVATE KEY") {
			private = append(private, t)
		}
	}
	if len(private) == 0 {
		return nil, s.refuseType(types[0])
	}
	if len(private) > 1 {
		return nil, s.fail(CodeSeveral, "holds %d private keys; keep one of them, from its -----BEGIN to its -----END line", len(private))
	}
	end := []byte("-----END " + private[0] + "-----")
	if !bytes.Contains(s.text, end) {
		return nil, s.fail(CodeUnreadable, "the key is cut: the line %s is missing; copy the whole file again", end)
	}
	for rest := s.text; ; {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, s.fail(CodeUnreadable, "the key is damaged: the text between %s and %s cannot be decoded; copy the file again",
				"-----BEGIN "+private[0]+"-----", end)
		}
		if block.Type == private[0] {
			return block, nil
		}
		rest = after
	}
}

// pkcs1 reads "BEGIN RSA PRIVATE KEY", plain or encrypted the old way of OpenSSL (DEK-Info).
func (s source) pkcs1(block *pem.Block) (*rsa.PrivateKey, error) {
	der := block.Bytes
	encrypted := block.Headers["DEK-Info"] != "" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
	if encrypted {
		if len(s.passphrase) == 0 {
			return nil, s.passphraseRequired()
		}
		//lint:ignore SA1019 the format is weak, and is what ssh-keygen -m PEM writes
		plain, err := x509.DecryptPEMBlock(block, s.passphrase)
		if err == x509.IncorrectPasswordError {
			return nil, s.passphraseWrong()
		} else if err != nil {
			return nil, s.fail(CodeUnreadable, "the key is encrypted in a way that is not known here; run: %s", s.toPEM())
		}
		defer clear(plain)
		der = plain
	}
	bits, ok := pkcs1Bits(der)
	switch {
	case !ok && encrypted: // the check of the old format lets one wrong passphrase of 256 through
		return nil, s.passphraseWrong()
	case !ok:
		return nil, s.damaged()
	}
	if err := s.checkBits(bits); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, s.damaged()
	}
	return key, nil
}

func (s source) damaged() error {
	return s.fail(CodeUnreadable, "the key is damaged: it does not read as an RSA key; copy the file again, or run: %s", s.newKey())
}

func (s source) passphraseRequired() error {
	if s.strict {
		return s.fail(CodePassphraseRequired, "the key is encrypted and key.passphrase_file is not given; set it, or take the passphrase off: %s", s.toPEM())
	}
	return s.fail(CodePassphraseRequired, "the key is encrypted; give its passphrase: issuetrail key import %s --passphrase-file F", s.file)
}

func (s source) passphraseWrong() error {
	if s.strict {
		return s.fail(CodePassphraseWrong, "key.passphrase_file does not hold the passphrase of the key; try it: ssh-keygen -y -f %s", s.file)
	}
	return s.fail(CodePassphraseWrong, "the key has another passphrase; try it: ssh-keygen -y -f %s", s.file)
}
