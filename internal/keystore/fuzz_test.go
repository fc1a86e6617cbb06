package keystore

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"testing"

	"golang.org/x/crypto/ssh"
)

// The readers of each container, fed with what the tools wrote and what the fuzzer makes of it. The inputs that
// earlier runs found worth keeping lie in testdata/fuzz; keys among them are made for it and in use nowhere.
// Passphrases are costly on purpose, so the bounds are lower here.

func fuzzed(text []byte, pass string, strict bool) source {
	return source{text: text, passphrase: []byte(pass), file: placeholder, strict: strict, cheap: true}
}

// sound checks what every reader promises: a refusal with a code that repeats nothing, or a key
// that SSH takes and that reads the same when it is written.
func sound(t *testing.T, key *rsa.PrivateKey, err error, text []byte) {
	t.Helper()
	if err != nil {
		if code(t, err) == "" || leaks(err.Error(), text) {
			t.Fatalf("%v", err)
		}
		return
	}
	again, from, err := source{text: EncodePEM(key), file: placeholder, strict: true}.parse()
	if err != nil || from != "" || !again.Equal(key) {
		t.Fatalf("%v", err)
	}
	if _, err := ssh.NewSignerFromKey(key); err != nil {
		t.Fatal(err)
	}
}

// seeds are the formats from this container, with the binary inside where it is PEM.
func seeds(f *testing.F, wanted func(format) bool, add func(text, der []byte)) {
	f.Helper()
	found := 0
	for _, format := range theWorkshop(f).formats {
		if !wanted(format) {
			continue
		}
		found++
		var der []byte
		if block, _ := pem.Decode(format.text); block != nil {
			der = block.Bytes
		}
		add(format.text, der)
	}
	if found == 0 {
		f.Fatal("no seeds")
	}
}

// FuzzParse is the whole way, as a file at start and as an import.
func FuzzParse(f *testing.F) {
	seeds(f, func(format) bool { return true }, func(text, _ []byte) { f.Add(text, passphrase, false) })
	for _, r := range theWorkshop(f).refusals(f) {
		if len(r.text) < 4<<10 {
			f.Add(r.text, "", true)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, pass string, strict bool) {
		key, from, err := fuzzed(bytes.Clone(text), pass, strict).parse()
		if err == nil && strict && from != "" {
			t.Fatalf("a file of the format %s was accepted", from)
		}
		sound(t, key, err, text)
	})
}

// FuzzPKCS1 reads the DER of PKCS#1 behind a DEK-Info header.
func FuzzPKCS1(f *testing.F) {
	seeds(f, func(v format) bool { return v.from == "" }, func(text, der []byte) {
		block, _ := pem.Decode(text)
		head, _ := cutHead([]byte("Proc-Type: 4,ENCRYPTED\nDEK-Info: " + block.Headers["DEK-Info"] + "\n"))
		f.Add(der, head.cipher, head.iv, passphrase)
	})
	f.Fuzz(func(t *testing.T, der []byte, cipher, iv, pass string) {
		key, err := fuzzed(nil, pass, false).pkcs1(pemHead{cipher != "", cipher, iv}, bytes.Clone(der))
		sound(t, checked(key, &err), err, der)
	})
}

// checked is what parse does after every reader.
func checked(key *rsa.PrivateKey, err *error) *rsa.PrivateKey {
	if *err == nil {
		*err = source{file: placeholder}.check(key)
	}
	return key
}

// FuzzPKCS8Encrypted reads the DER of an encrypted PKCS#8 key, and as well of a plain one.
func FuzzPKCS8Encrypted(f *testing.F) {
	seeds(f, func(v format) bool { return v.from == "pkcs8" }, func(_, der []byte) { f.Add(der, passphrase) })
	f.Fuzz(func(t *testing.T, der []byte, pass string) {
		s := fuzzed(nil, pass, false)
		key, err := s.pkcs8Encrypted(bytes.Clone(der))
		sound(t, checked(key, &err), err, der)
		key, err = s.pkcs8(bytes.Clone(der))
		sound(t, checked(key, &err), err, der)
		derKind(der)
	})
}

// FuzzOpenSSH reads the binary form of OpenSSH.
func FuzzOpenSSH(f *testing.F) {
	seeds(f, func(v format) bool { return v.from == "openssh" }, func(_, der []byte) { f.Add(der, passphrase) })
	f.Fuzz(func(t *testing.T, der []byte, pass string) {
		key, err := fuzzed(nil, pass, false).openSSH(bytes.Clone(der))
		sound(t, checked(key, &err), err, der)
	})
}

// FuzzPPK reads a PuTTY key.
func FuzzPPK(f *testing.F) {
	seeds(f, func(v format) bool { return v.from == "putty" }, func(text, _ []byte) { f.Add(text, passphrase) })
	f.Fuzz(func(t *testing.T, text []byte, pass string) {
		if !puttyHead.Match(text) {
			return
		}
		key, err := fuzzed(bytes.Clone(text), pass, false).putty()
		sound(t, checked(key, &err), err, text)
	})
}

// FuzzTidy cleans texts: it never makes them longer without bound, never fails, and what is tidy stays.
func FuzzTidy(f *testing.F) {
	for _, v := range theWorkshop(f).formats {
		if !v.full() {
			continue
		}
		for _, d := range harmless {
			if d.applies(v) {
				f.Add(d.do(v.text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		plain := decoded(text)
		once := tidy(plain)
		if again := tidy(once); !bytes.Equal(again, once) {
			t.Fatalf("%q is tidied to %q", once, again)
		}
		if clean := withoutDebris(plain); len(clean) > 3*len(text)+8 {
			t.Fatalf("%d bytes became %d", len(text), len(clean))
		}
	})
}
