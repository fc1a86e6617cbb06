package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// tokenPrefix marks our tokens, so that scanners for leaked secrets can find them.
const tokenPrefix = "itr_"

var tokenEncoding = base64.RawURLEncoding.Strict()

// makeToken draws a token of 256 random bits, and the hash that is stored of it.
func makeToken() (token string, hash [32]byte) {
	var b [32]byte
	rand.Read(b[:]) // never fails
	token = tokenPrefix + tokenEncoding.EncodeToString(b[:])
	return token, sha256.Sum256([]byte(token))
}

// wellFormed says whether s can be a token at all; what cannot is refused without
// asking the database.
func wellFormed(s string) bool {
	if len(s) != len(tokenPrefix)+43 || s[:len(tokenPrefix)] != tokenPrefix {
		return false
	}
	_, err := tokenEncoding.DecodeString(s[len(tokenPrefix):])
	return err == nil
}

// AdminTokenFile is the name, in the data directory, of the token that the first
// start makes.
const AdminTokenFile = "admin-token"

// EnsureAdminToken makes an admin token when there is none, writes it to
// dir/admin-token (mode 0600) and gives the path. The path is empty when an
// admin token exists. The file is written first: a crash in between leaves a
// token that does not work, and the next start makes another.
func EnsureAdminToken(ctx context.Context, tokens Tokens, dir string) (path string, err error) {
	for n := 1; n <= 10; n++ {
		if has, err := hasAdmin(ctx, tokens); has || err != nil {
			return "", err
		}
		token, hash := makeToken()
		path = filepath.Join(dir, AdminTokenFile)
		if err := writePrivate(path, token+"\n"); err != nil {
			return "", err
		}
		name := "admin"
		if n > 1 { // a viewer's token has that name
			name = fmt.Sprintf("admin-%d", n)
		}
		err := tokens.CreateToken(ctx, name, model.RoleAdmin, hash)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, model.ErrExists) {
			return "", fmt.Errorf("make admin token: %w", err)
		}
		_ = os.Remove(path) // a token that never worked misleads
	}
	return "", fmt.Errorf("make admin token: the names admin to admin-10 are taken")
}

func hasAdmin(ctx context.Context, tokens Tokens) (bool, error) {
	all, err := tokens.Tokens(ctx)
	if err != nil {
		return false, fmt.Errorf("look for an admin token: %w", err)
	}
	for _, t := range all {
		if t.Role == model.RoleAdmin {
			return true, nil
		}
	}
	return false, nil
}

// writePrivate writes a file of mode 0600 in one step.
func writePrivate(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".token-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (a *API) listTokens(c echo.Context) error {
	tokens, err := a.o.Tokens.Tokens(c.Request().Context())
	if err != nil {
		return err
	}
	items := make([]wire.Token, len(tokens))
	for i, t := range tokens {
		items[i] = wireToken(t)
	}
	return list(c, items, "")
}

func wireToken(t model.Token) wire.Token {
	return wire.Token{Name: t.Name, Role: string(t.Role), CreatedAt: wire.At(t.CreatedAt), LastUsedAt: wire.At(t.LastUsedAt)}
}

func (a *API) createToken(c echo.Context) error {
	var in wire.NewToken
	if err := decode(c, &in, maxBody); err != nil {
		return err
	}
	role := model.Role(in.Role)
	switch {
	case !tokenName.MatchString(in.Name):
		return problem(http.StatusUnprocessableEntity, "name_invalid",
			"a token's name has 1 to 64 letters, digits, dots, dashes and underscores, and starts with a letter or digit")
	case role != model.RoleAdmin && role != model.RoleViewer:
		return problem(http.StatusUnprocessableEntity, "role_invalid", "the role is admin or viewer")
	}
	token, hash := makeToken()
	err := a.o.Tokens.CreateToken(c.Request().Context(), in.Name, role, hash)
	if errors.Is(err, model.ErrExists) {
		return hinted(http.StatusConflict, "token_exists", "issuetrail token revoke "+in.Name,
			"there is a token of the name %s", in.Name)
	}
	if err != nil {
		return err
	}
	out := wireToken(model.Token{Name: in.Name, Role: role, CreatedAt: a.now()})
	out.Token = token
	return answer(c, http.StatusCreated, out)
}

func (a *API) revokeToken(c echo.Context) error {
	name := param(c, "name")
	err := a.o.Tokens.RevokeToken(c.Request().Context(), name)
	a.tokens.forget() // also after an error: it may have been done all the same
	if errors.Is(err, model.ErrNotFound) {
		return notFound("there is no token of the name %.80q", name)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
