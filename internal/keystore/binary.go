package keystore

import (
	"bytes"
	"encoding/asn1"
)

// refuseBinary names files that are not text. Each of them has a tool that makes PEM of it.
func (s source) refuseBinary(text []byte) error {
	out := s.file + ".pem"
	switch {
	case bytes.HasPrefix(text, []byte("\xfe\xed\xfe\xed")) || bytes.HasPrefix(text, []byte("\xce\xce\xce\xce")):
		return s.fail(CodeUnreadable, "is a keystore of Java (JKS); run: keytool -importkeystore -srckeystore %s -destkeystore %s -deststoretype pkcs12", s.file, s.file+".p12")
	case bytes.HasPrefix(text, []byte(opensshMagic)):
		return s.fail(CodeUnreadable, "is an OpenSSH key without its PEM lines; copy the file again, or run: %s", s.newKey())
	case len(text) < 2 || text[0] != 0x30 || text[1] < 0x80 || text[1] > 0x84: // of 128 bytes or more; "0 " begins text
		return nil
	}
	switch derKind(text) {
	case derPKCS12:
		return s.fail(CodeUnreadable, "is a PKCS#12 file (.p12, .pfx); run: openssl pkcs12 -in %s -nocerts -nodes -out %s", s.file, out)
	case derCertificate:
		return s.certificate("a certificate (X.509, DER)")
	case derPublic:
		return s.public("a public key (DER)")
	}
	if s.strict {
		return s.fail(CodeUnreadable, "is a binary (DER) file, not PEM; run: openssl rsa -inform DER -in %s -traditional -out %s", s.file, out)
	}
	return s.fail(CodeUnreadable, "is a binary (DER) file, not PEM; run: openssl pkey -inform DER -in %s -out %s", s.file, out)
}

// The binary files that begin with an ASN.1 sequence.
const (
	derKey = iota
	derPKCS12
	derCertificate
	derPublic
)

// derKind looks at the first fields: a private key begins with a version below 3 (RFC 5958,
// 8017) or, encrypted, with an algorithm whose octets follow; PKCS#12 begins with version 3 (RFC 7292).
func derKind(der []byte) int {
	var outer, first, second, third asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return derKey
	}
	rest, err := asn1.Unmarshal(outer.Bytes, &first)
	if err != nil {
		return derKey
	}
	if first.Tag == asn1.TagInteger && bytes.Equal(first.Bytes, []byte{3}) {
		return derPKCS12
	}
	rest, err = asn1.Unmarshal(rest, &second)
	if err != nil || first.Tag != asn1.TagSequence {
		return derKey
	}
	switch _, err = asn1.Unmarshal(rest, &third); {
	case err == nil && second.Tag == asn1.TagSequence && third.Tag == asn1.TagBitString:
		return derCertificate
	case second.Tag == asn1.TagBitString:
		return derPublic
	}
	return derKey
}
