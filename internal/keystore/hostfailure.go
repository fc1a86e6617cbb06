package keystore

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// failure says why a key is not trusted, and what a person can do.
func (k *KnownHosts) failure(host string, offered ssh.PublicKey, v verdict) error {
	if v.status == hostOK {
		return nil
	}
	f := &model.Failure{Code: model.CodeHostKeyChanged}
	what := fmt.Sprintf("%s offers the host key %s", host, show(v.key))
	if cert, ok := offered.(*ssh.Certificate); ok {
		what += ", with a certificate by the authority " + show(cert.SignatureKey)
	}
	switch {
	case v.status == hostRevoked:
		f.Detail = what + ", which is marked as revoked"
		f.Hint = "the server needs a new host key, or a certificate by another authority; tell its administrator"
	case v.fault != "":
		f.Detail = fmt.Sprintf("%s, which is trusted, but the certificate %s", what, v.fault)
		f.Hint = "tell the server's administrator; or compare the fingerprint of the key with what they say, and " + k.advice(host, v.key)
	case v.status == hostChanged:
		known := make([]string, len(v.pins))
		for i, pin := range v.pins {
			known[i] = pin.Type + " " + pin.Fingerprint
		}
		f.Detail = fmt.Sprintf("%s, and the trusted one is %s: the server got a new key, or somebody stands in between", what, strings.Join(known, " or "))
		f.Hint = "ask the server's administrator or look at the vendor's page; only if the new fingerprint stands there, " + k.advice(host, v.key)
	default:
		f.Code = model.CodeHostKeyUnknown
		f.Detail = what + ", which is not known here"
		f.Hint = "compare the fingerprint with what the server's administrator or vendor says; if it is the same, " + k.advice(host, v.key)
	}
	return f
}

// advice tells how a key is trusted, once somebody said that it is right.
func (k *KnownHosts) advice(host string, key ssh.PublicKey) string {
	if k.o.File != "" {
		return fmt.Sprintf("add it to %s and reload", k.o.File)
	}
	return fmt.Sprintf("run: issuetrail known-hosts add %s --fingerprint %s", host, ssh.FingerprintSHA256(key))
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
