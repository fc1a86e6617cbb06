package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

const makeKeyHint = "issuetrail key generate"

// The codes of keys that are not there, or that need no change.
const (
	codeStagedMissing   = "key_staged_missing"
	codePreviousMissing = "key_previous_missing"
	codeKeySame         = "key_active"
	codeMasterSingle    = "master_key_single"
)

func (a *API) getKey(c echo.Context) error {
	info, err := a.o.Keys.Info(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	return a.answerKey(c, info, nil)
}

// answerKey gives the active key with those beside it.
func (a *API) answerKey(c echo.Context, info model.KeyInfo, convertedFrom *string) error {
	all, err := a.o.Keys.Infos(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	out := wire.Key{
		Type: info.Type, Bits: info.Bits, Fingerprint: info.Fingerprint, PublicKey: info.PublicKey,
		PassphraseProtected: info.PassphraseProtected, Source: info.Source, InstalledAt: wire.At(info.InstalledAt),
		ConvertedFrom: convertedFrom, Warning: info.Warning,
	}
	for _, k := range all {
		switch k.Role {
		case model.KeyPrevious:
			out.Previous = KeptKey(k)
		case model.KeyStaged:
			out.Staged = KeptKey(k)
		}
	}
	return answer(c, http.StatusOK, out)
}

// KeptKey is a key as the API tells of one beside others.
func KeptKey(k model.KeyInfo) *wire.KeptKey {
	return &wire.KeptKey{
		Type: k.Type, Bits: k.Bits, Fingerprint: k.Fingerprint, PublicKey: k.PublicKey, InstalledAt: wire.At(k.InstalledAt), Warning: k.Warning,
	}
}

// putKey checks a private key, converts it where it can, and makes it the shared one.
func (a *API) putKey(c echo.Context) error {
	var in wire.NewKey
	if err := decode(c, &in, maxKeyBody); err != nil {
		return err
	}
	if in.PrivateKey == "" {
		return problem(http.StatusUnprocessableEntity, "key_unreadable", "private_key is empty")
	}
	info, from, err := a.o.Keys.Import(c.Request().Context(), []byte(in.PrivateKey), []byte(in.Passphrase))
	if err != nil {
		return keyError(err)
	}
	return a.answerKey(c, info, &from)
}

// The sizes of RSA keys that can be asked for, in bits.
const minBits, maxBits = 2048, 16384

func checkBits(bits int) error {
	if bits != 0 && (bits < minBits || bits > maxBits) {
		return problem(http.StatusUnprocessableEntity, "bits_invalid", "bits is a number from %d to %d", minBits, maxBits)
	}
	return nil
}

func (a *API) generateKey(c echo.Context) error {
	var in wire.GenerateKey
	if err := decodeOptional(c, &in); err != nil {
		return err
	}
	if err := checkBits(in.Bits); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if in.OnlyIfMissing {
		if _, err := a.o.Keys.Info(ctx); err == nil {
			return hinted(http.StatusConflict, "key_exists", "issuetrail key stage makes a new one and keeps this one until the hosts know it", "there is a key already")
		}
	}
	info, err := a.o.Keys.Generate(ctx, in.Bits)
	if err != nil {
		return keyError(err)
	}
	return a.answerKey(c, info, nil)
}

// keyError gives a key that is missing, or cannot be opened, the status of what is
// not there, and one that needs no change that of a conflict.
func keyError(err error) error {
	var f *model.Failure
	if !errors.As(err, &f) {
		return err
	}
	switch f.Code {
	case model.CodeKeyMissing, codeStagedMissing, codePreviousMissing:
		return hinted(http.StatusNotFound, f.Code, f.Hint, "%s", f.Detail)
	case codeKeySame, codeMasterSingle:
		return hinted(http.StatusConflict, f.Code, f.Hint, "%s", f.Detail)
	}
	return err
}
