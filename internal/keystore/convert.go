package keystore

import (
	"fmt"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A Converted is a private key in the form that is stored.
type Converted struct {
	PEM  []byte        // RSA, PKCS#1, without a passphrase
	Info model.KeyInfo // Source and InstalledAt are empty
	From string        // "pkcs8", "openssh", "putty", or "" for PKCS#1
}

// Convert reads a private key in any of the formats that Import takes, and installs nothing. file is its
// name as commands in errors have it, "" = FILE. Both texts are wiped. The error is a *KeyError.
func Convert(text, passphrase []byte, file string) (Converted, error) {
	defer clear(text)
	defer clear(passphrase)
	src := source{text: text, passphrase: passphrase, file: placeholder, command: "key convert"}
	if file != "" {
		src.file = shellQuote(file)
	}
	key, from, err := src.parse()
	if err != nil {
		return Converted{}, err
	}
	pub, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return Converted{}, fmt.Errorf("use the key for SSH: %w", err)
	}
	return Converted{PEM: EncodePEM(key), Info: describe(key, pub), From: from}, nil
}
