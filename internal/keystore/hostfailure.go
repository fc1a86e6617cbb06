package keystore

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// adviceFor tells how a key is trusted, once somebody said that it is right.
func adviceFor(host string, key ssh.PublicKey, file string) string {
	if file != "" {
		return fmt.Sprintf("add it to %s and reload", file)
	}
	return fmt.Sprintf("run: issuetrail known-hosts add %s --fingerprint %s", host, ssh.FingerprintSHA256(key))
}

// unknown says that nobody told yet whether the key is right.
func unknown(host string, key ssh.PublicKey, file string) error {
	return &model.Failure{
		Code:   model.CodeHostKeyUnknown,
		Detail: fmt.Sprintf("%s offers the host key %s, which is not known here", host, show(key)),
		Hint:   "compare the fingerprint with what the server's administrator or vendor says; if it is the same, " + adviceFor(host, key, file),
	}
}

// changed says that the server offers another key than the trusted ones.
func changed(host string, key ssh.PublicKey, pins []model.KnownHost, file string) error {
	known := make([]string, len(pins))
	for i, pin := range pins {
		known[i] = pin.Type + " " + pin.Fingerprint
	}
	return &model.Failure{
		Code: model.CodeHostKeyChanged,
		Detail: fmt.Sprintf("%s offers the host key %s, and the trusted one is %s: the server got a new key, or somebody stands in between",
			host, show(key), strings.Join(known, " or ")),
		Hint: "ask the server's administrator or look at the vendor's page; only if the new fingerprint stands there, " + adviceFor(host, key, file),
	}
}

// revoked says that the key file calls the key stolen.
func revoked(host string, key ssh.PublicKey, file string) error {
	return &model.Failure{
		Code:   model.CodeHostKeyChanged,
		Detail: fmt.Sprintf("%s offers the host key %s, which %s marks as revoked", host, show(key), file),
		Hint:   "the server needs a new host key; tell its administrator",
	}
}

// notOffered says that the fingerprint to trust is of no key that the server has.
func notOffered(host, want string, offered []ssh.PublicKey) error {
	list := make([]string, len(offered))
	for i, key := range offered {
		list[i] = show(key)
	}
	detail := fmt.Sprintf("%s offers no host key with the fingerprint %s", host, want)
	if len(list) > 0 {
		detail += "; it offers " + strings.Join(list, ", ")
	}
	return &model.Failure{
		Code:   model.CodeHostKeyUnknown,
		Detail: detail,
		Hint:   "compare with what the server's administrator or vendor says, and add that fingerprint",
	}
}

func show(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }
