package keystore

import "strings"

// The codes of a KeyError, as the API gives them.
const (
	CodePublic             = "key_public"              // a public key
	CodeCertificate        = "key_certificate"         // a certificate
	CodeNotRSA             = "key_not_rsa"             // a private key of another kind
	CodeTooShort           = "key_too_short"           // fewer than MinBits bits
	CodePassphraseRequired = "key_passphrase_required" // encrypted, and no passphrase was given
	CodePassphraseWrong    = "key_passphrase_wrong"    // encrypted with another passphrase
	CodeSeveral            = "key_several"             // more than one private key
	CodeUnreadable         = "key_unreadable"          // damaged, or a format that is not read
	CodeBits               = "key_bits_invalid"        // Generate was asked for more bits than MaxBits
	CodeFileUnsafe         = "key_file_unsafe"         // others can read the file, or it belongs to somebody else
	CodeManagedByConfig    = "managed_by_config"       // the config names a file; it cannot be changed from here
)

// A KeyError says why a key, or a change of host keys, was refused. Detail names
// the one command that mends it, where there is one; it holds nothing of the private key.
type KeyError struct{ Code, Detail string }

// Error gives the detail.
func (e *KeyError) Error() string { return e.Detail }

// placeholder stands in commands for a file whose name is not known.
const placeholder = "FILE"

// shellQuote makes a path fit for a command that a person copies.
func shellQuote(path string) string {
	plain := func(r rune) bool {
		return r < '+' || r > 'z' || strings.ContainsRune(";<=>?@[\\]^`", r)
	}
	if path != "" && !strings.ContainsFunc(path, plain) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
