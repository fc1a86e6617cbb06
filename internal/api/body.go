package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
)

// maxBody and maxKeyBody bound request bodies, in bytes.
const (
	maxBody    = 1 << 20
	maxKeyBody = 64 << 10
)

// The page sizes of lists.
const (
	defaultLimit = 50
	maxLimit     = 1000
	maxCursor    = 1024 // bytes
)

// decode reads one JSON object into v, strictly: a field that v has not, or
// anything after the object, is refused.
func decode(c echo.Context, v any, limit int64) error {
	r := c.Request()
	if err := checkContentType(r); err != nil {
		return err
	}
	if r.ContentLength > limit {
		return &http.MaxBytesError{Limit: limit}
	}
	d := json.NewDecoder(http.MaxBytesReader(c.Response(), r.Body, limit))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return tooLarge
		}
		return problem(http.StatusBadRequest, "json_invalid", "the body goes on after the JSON object")
	}
	return nil
}

// decodeOptional is decode for a body that may be empty.
func decodeOptional(c echo.Context, v any) error {
	if c.Request().ContentLength == 0 {
		return nil
	}
	return decode(c, v, maxBody)
}

func checkContentType(r *http.Request) error {
	if e := r.Header.Get(echo.HeaderContentEncoding); e != "" && !strings.EqualFold(e, "identity") {
		return problem(http.StatusUnsupportedMediaType, "unsupported_media_type", "a content encoding is not supported")
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	charset := params["charset"]
	if err != nil || kind != echo.MIMEApplicationJSON || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return hinted(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"send Content-Type: application/json", "the body must be JSON in UTF-8")
	}
	return nil
}

// badJSON says what was wrong with a body, without repeating its values.
func badJSON(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return tooLarge
	case errors.As(err, &syntax):
		return problem(http.StatusBadRequest, "json_invalid", "the body is not JSON: %v at byte %d", syntax, syntax.Offset)
	case errors.As(err, &kind) && kind.Field == "":
		return problem(http.StatusBadRequest, "json_invalid", "the body must be a JSON object")
	case errors.As(err, &kind):
		return problem(http.StatusBadRequest, "field_invalid", "field %q must be of type %s", kind.Field, kind.Type)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return problem(http.StatusBadRequest, "json_invalid", "the body is empty or ends in mid JSON")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problem(http.StatusBadRequest, "field_unknown", "there is no field %s here", name)
	}
	return fmt.Errorf("read body: %w", err)
}

// plain refuses a path or query that no database takes: one that is not UTF-8, or
// has a NUL.
func plain(c echo.Context) error {
	u := c.Request().URL
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return problem(http.StatusBadRequest, "parameter_invalid", "the query cannot be read")
	}
	texts := []string{u.Path}
	for _, values := range query {
		texts = append(texts, values...)
	}
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return problem(http.StatusBadRequest, "parameter_invalid", "the path and the query must be UTF-8 without NUL")
		}
	}
	return nil
}

// param reads a part of the path, unescaped: echo gives it as it was sent when
// that is not the usual way to write it.
func param(c echo.Context, name string) string {
	s := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return s
	}
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// page reads ?limit= and ?cursor=.
func page(c echo.Context) (limit int, cursor string, err error) {
	limit = defaultLimit
	if s := c.QueryParam("limit"); s != "" {
		if limit, err = strconv.Atoi(s); err != nil || limit < 1 || limit > maxLimit {
			return 0, "", problem(http.StatusBadRequest, "limit_invalid", "limit must be a number from 1 to %d", maxLimit)
		}
	}
	if cursor = c.QueryParam("cursor"); len(cursor) > maxCursor {
		return 0, "", badCursor()
	}
	return limit, cursor, nil
}

func badCursor() error {
	return problem(http.StatusBadRequest, "cursor_invalid", "the cursor is not one that this list gave")
}

// boolParam reads a boolean query parameter; absent is false.
func boolParam(c echo.Context, name string) (bool, error) {
	s := c.QueryParam(name)
	if s == "" {
		return false, nil
	}
	v, err := strconv.ParseBool(s)
	if err != nil {
		return false, problem(http.StatusBadRequest, "parameter_invalid", "%s must be true or false", name)
	}
	return v, nil
}

// pathID reads the {id} of a path. What is no id names nothing: 404.
func pathID(c echo.Context) (int64, error) {
	s := param(c, "id")
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != s {
		return 0, notFound("there is no repository %.40q", s)
	}
	return id, nil
}

// answer writes v as JSON.
func answer(c echo.Context, status int, v any) error {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	return c.JSON(status, v)
}

// list writes one page.
func list[T any](c echo.Context, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	return answer(c, http.StatusOK, wire.List[T]{Items: items, Next: next})
}

// optional is null on the wire when s is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
