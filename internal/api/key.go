package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

const makeKeyHint = "issuetrail key generate"

func (a *API) getKey(c echo.Context) error {
	info, err := a.o.Keys.Info(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	return answer(c, http.StatusOK, wireKey(info))
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
	out := wireKey(info)
	out.ConvertedFrom = &from
	return answer(c, http.StatusOK, out)
}

// The sizes of RSA keys that can be asked for, in bits.
const minBits, maxBits = 2048, 16384

func (a *API) generateKey(c echo.Context) error {
	var in wire.GenerateKey
	if err := decodeOptional(c, &in); err != nil {
		return err
	}
	if in.Bits != 0 && (in.Bits < minBits || in.Bits > maxBits) {
		return problem(http.StatusUnprocessableEntity, "bits_invalid", "bits is a number from %d to %d", minBits, maxBits)
	}
	ctx := c.Request().Context()
	if in.OnlyIfMissing {
		if _, err := a.o.Keys.Info(ctx); err == nil {
			return hinted(http.StatusConflict, "key_exists", "issuetrail key generate --force", "there is a key already")
		}
	}
	info, err := a.o.Keys.Generate(ctx, in.Bits)
	if err != nil {
		return keyError(err)
	}
	return answer(c, http.StatusOK, wireKey(info))
}

// keyError gives a key that is missing, or cannot be opened, the status of what is
// not there.
func keyError(err error) error {
	var f *model.Failure
	if errors.As(err, &f) && f.Code == model.CodeKeyMissing {
		return hinted(http.StatusNotFound, f.Code, f.Hint, "%s", f.Detail)
	}
	return err
}

func wireKey(k model.KeyInfo) wire.Key {
	return wire.Key{
		Type: k.Type, Bits: k.Bits, Fingerprint: k.Fingerprint, PublicKey: k.PublicKey,
		PassphraseProtected: k.PassphraseProtected, Source: k.Source, InstalledAt: wire.At(k.InstalledAt), Warning: k.Warning,
	}
}
