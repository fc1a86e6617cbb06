package keystore

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
)

// maxKey bounds the text of a key, in bytes. A key of 16384 bits has 13 KB; UTF-16 doubles it.
const maxKey = 64 << 10

// A source is a text that holds a key, with what its reader allows.
type source struct {
	text       []byte
	passphrase []byte
	file       string // as commands name it
	command    string // of issuetrail, that reads it: "key import"
	strict     bool   // PKCS#1 alone, untidied; for a file that is read at each start and never converted
	cheap      bool   // costs of passphrases are held a hundred times lower, for fuzzing
}

func (s source) fail(code, format string, args ...any) error {
	return &KeyError{code, fmt.Sprintf(format, args...)}
}

// toPEM is the command that turns any key ssh-keygen reads into PKCS#1, in place.
func (s source) toPEM() string { return "ssh-keygen -p -m PEM -f " + s.file }

// newKey is the command for a key that cannot be mended.
func (s source) newKey() string {
	if s.command == commandStage {
		return "issuetrail " + commandStage // without a file it makes one
	}
	return "issuetrail key generate"
}

// commandStage brings a key that is not used yet; the advice to import one in its place would
// put it to use at once.
const commandStage = "key stage"

// again is the command that reads another file in the place of this one.
func (s source) again(file string) string {
	command := s.command
	if command == "" {
		command = "key import"
	}
	return "issuetrail " + command + " " + file
}

// parse reads the key and says from which format: "" for PKCS#1, "pkcs8", "openssh" or
// "putty". The error is a *KeyError.
func (s source) parse() (*rsa.PrivateKey, string, error) {
	if len(s.text) > maxKey {
		return nil, "", s.fail(CodeUnreadable, "is larger than %d bytes, so it is not a key; run: %s", maxKey, s.newKey())
	}
	if s.strict {
		return s.read()
	}
	text := decoded(s.text)
	defer clear(text)
	if err := s.refuseBinary(text); err != nil {
		return nil, "", err
	}
	s.text = tidy(text)
	defer clear(s.text)
	key, from, err := s.read()
	if err == nil || !worthCleaning(err) {
		return key, from, err
	}
	clean := withoutDebris(text)
	defer clear(clean)
	if bytes.Equal(clean, s.text) {
		return nil, "", err
	}
	s.text = clean
	key, from, cleanErr := s.read()
	if cleanErr != nil && hasCode(cleanErr, CodeUnreadable) && !hasCode(err, CodeUnreadable) {
		return nil, "", err
	}
	return key, from, cleanErr
}

// worthCleaning says whether a failure may come from what mail and web pages do to a text.
// The MAC of a PuTTY key covers its comment, so a wrong passphrase is one of them.
func worthCleaning(err error) bool {
	return hasCode(err, CodeUnreadable) || hasCode(err, CodePassphraseWrong)
}

func hasCode(err error, code string) bool {
	e, ok := errors.AsType[*KeyError](err)
	return ok && e.Code == code
}

// read takes the one key of the text apart.
func (s source) read() (key *rsa.PrivateKey, from string, err error) {
	if err := s.refuseText(); err != nil {
		return nil, "", err
	}
	kind, err := s.find()
	if err != nil {
		return nil, "", err
	}
	if kind == puttyKey {
		from = "putty"
		key, err = s.putty()
	} else {
		key, from, err = s.pem(kind)
	}
	if err == nil {
		err = s.check(key)
	}
	if err != nil {
		return nil, "", err
	}
	return key, from, nil
}

// pem reads a block of this type.
func (s source) pem(kind string) (key *rsa.PrivateKey, from string, err error) {
	if err := s.refuseType(kind); err != nil {
		return nil, "", err
	}
	head, der, err := s.armor(kind)
	if err != nil {
		return nil, "", err
	}
	defer clear(der)
	switch kind {
	case pkcs1:
		key, err = s.pkcs1(head, der)
	case openSSH:
		from = "openssh"
		key, err = s.openSSH(der)
	case pkcs8Enc:
		from = "pkcs8"
		key, err = s.pkcs8Encrypted(der)
	default:
		from = "pkcs8"
		key, err = s.pkcs8(der)
	}
	return key, from, err
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

func (s source) damaged() error {
	return s.fail(CodeUnreadable, "the key is damaged: it does not read as an RSA key; copy the file again, or run: %s", s.newKey())
}

func (s source) passphraseRequired() error {
	if s.strict {
		return s.fail(CodePassphraseRequired, "the key is encrypted and key.passphrase_file is not given; set it, or take the passphrase off: %s", s.toPEM())
	}
	return s.fail(CodePassphraseRequired, "the key is encrypted; give its passphrase: %s --passphrase-file F", s.again(s.file))
}

func (s source) passphraseWrong() error {
	if s.strict {
		return s.fail(CodePassphraseWrong, "key.passphrase_file does not hold the passphrase of the key; try it: ssh-keygen -y -f %s", s.file)
	}
	return s.fail(CodePassphraseWrong, "the key has another passphrase; try it: ssh-keygen -y -f %s", s.file)
}

// unsealed is the failure of a decryption that made no sense: damage where the parts
// that could be read were right.
func (s source) unsealed(sense bool) error {
	if sense {
		return s.damaged()
	}
	return s.passphraseWrong()
}
