package keystore

import (
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// The algorithms that a PKCS#8 key may name.
var pkcs8Names = map[string]string{
	"1.3.101.112":           "an Ed25519 key",
	"1.3.101.113":           "an Ed448 key",
	"1.3.101.110":           "an X25519 key",
	"1.3.101.111":           "an X448 key",
	"1.2.840.10045.2.1":     "an EC key",
	"1.2.840.10040.4.1":     "a DSA key",
	"1.2.840.113549.1.3.1":  "a DH key",
	"1.2.840.113549.1.1.10": "an RSA-PSS key",
}

const oidRSA = "1.2.840.113549.1.1.1"

// pkcs8 reads "BEGIN PRIVATE KEY" (RFC 5208, 5958).
func (s source) pkcs8(der []byte) (*rsa.PrivateKey, error) {
	var head struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
		Rest      asn1.RawValue `asn1:"optional,tag:0"`
		Public    asn1.RawValue `asn1:"optional,tag:1"`
	}
	if _, err := asn1.Unmarshal(der, &head); err != nil {
		return nil, s.damaged()
	}
	defer clear(head.Key)
	oid := head.Algorithm.Algorithm.String()
	if name, ok := pkcs8Names[oid]; ok {
		return nil, s.notRSA(name + " (PKCS#8)")
	}
	if oid != oidRSA {
		return nil, s.notRSA("a key of an unknown kind (PKCS#8)")
	}
	if s.strict {
		return nil, s.fail(CodeUnreadable, "is a PKCS#8 key, and key.file is read as RSA PEM (PKCS#1) only; run: %s", s.toPEM())
	}
	return s.rsaDER(head.Key)
}
