package keystore

import (
	"strings"

	"issuetrail/internal/model"
)

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
	CodeActive             = "key_active"              // it is the active key, which is neither staged nor dropped
	CodeNotStaged          = "key_staged_missing"      // no key is staged, or another one
	CodeNoPrevious         = "key_previous_missing"    // there is no previous key
	CodeMasterSingle       = "master_key_single"       // the configured master key file names no new master key
)

// A KeyError says why a key, or a change of host keys, was refused. Detail names
// the one command that mends it, where there is one; it holds nothing of the private key.
type KeyError struct{ Code, Detail string }

// Error gives the detail.
func (e *KeyError) Error() string { return e.Detail }

// Is says of a key that is not there that it is model.ErrNotFound.
func (e *KeyError) Is(target error) bool {
	return target == model.ErrNotFound && (e.Code == CodeNotStaged || e.Code == CodeNoPrevious)
}

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
