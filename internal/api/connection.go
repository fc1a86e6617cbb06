package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// testConnection says whether the server takes the key. What went wrong out there
// is the answer of the call, not its error.
func (a *API) testConnection(c echo.Context) error {
	var in wire.TestRequest
	if err := decode(c, &in, maxBody); err != nil {
		return err
	}
	address, err := model.ParseAddress(in.URL)
	if err != nil {
		return answer(c, http.StatusOK, failed(model.AsFailure(err), wire.TestResult{Steps: []wire.TestStep{}}))
	}
	out, err := a.o.Tester.Test(c.Request().Context(), address)
	if out.Steps == nil {
		out.Steps = []wire.TestStep{}
	}
	if err == nil {
		out.OK = true
		return answer(c, http.StatusOK, out)
	}
	f := model.AsFailure(err)
	if f.Code == model.CodeInternal || c.Request().Context().Err() != nil {
		return fmt.Errorf("test %s: %w", address.HostPort(), err)
	}
	return answer(c, http.StatusOK, failed(f, out))
}

// failed completes the result of a test that failed.
func failed(f *model.Failure, out wire.TestResult) wire.TestResult {
	out.OK, out.Code, out.Detail, out.Hint = false, f.Code, f.Detail, f.Hint
	return out
}

var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?$`)

// hostPort reads HOST or HOST:PORT and gives "host:port"; an IPv6 address with a
// port stands in brackets.
func hostPort(s string) (model.Address, error) {
	host, port := strings.ToLower(strings.TrimSpace(s)), 22
	if h, p, err := net.SplitHostPort(host); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return model.Address{}, badHost(s)
		}
		host, port = h, int(n)
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); (err != nil || ip.Zone() != "") && !hostName.MatchString(host) {
		return model.Address{}, badHost(s)
	}
	return model.Address{Host: host, Port: port}, nil
}

func badHost(s string) error {
	return problem(http.StatusUnprocessableEntity, "host_invalid", "%.80q is neither HOST nor HOST:PORT", s)
}

// target is hostPort for a server that will be dialled.
func (a *API) target(s string) (string, error) {
	address, err := hostPort(s)
	if err != nil {
		return "", err
	}
	if err := a.o.AddressAllowed(address); err != nil {
		return "", unprocessable(err, model.CodeURLForbidden, "list the network in sync.allow_addresses of the config file")
	}
	return address.HostPort(), nil
}

func (a *API) listKnownHosts(c echo.Context) error {
	keys, err := a.o.HostKeys.List(c.Request().Context())
	if err != nil {
		return err
	}
	return list(c, wireHosts(keys, func(k model.KnownHost) bool { return k.Marker != "revoked" }), "")
}

// scanHost shows which keys a server offers. It trusts none of them.
func (a *API) scanHost(c echo.Context) error {
	var in wire.ScanRequest
	if err := decode(c, &in, maxBody); err != nil {
		return err
	}
	host, err := a.target(in.Host)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	trusted, err := a.o.HostKeys.List(ctx)
	if err != nil {
		return err
	}
	offered, err := a.o.HostKeys.Scan(ctx, host)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(trusted))
	for _, k := range trusted {
		known[k.Host+" "+k.Fingerprint] = true
	}
	return list(c, wireHosts(offered, func(k model.KnownHost) bool { return k.Source != "" || known[k.Host+" "+k.Fingerprint] }), "")
}

var fingerprint = regexp.MustCompile(`^SHA256:[A-Za-z0-9+/]{43}=?$`)

// addKnownHost trusts a key whose fingerprint a person has from elsewhere. The
// key itself is fetched from the server.
func (a *API) addKnownHost(c echo.Context) error {
	var in wire.NewKnownHost
	if err := decode(c, &in, maxBody); err != nil {
		return err
	}
	host, err := a.target(in.Host)
	if err != nil {
		return err
	}
	if !fingerprint.MatchString(in.Fingerprint) {
		return hinted(http.StatusUnprocessableEntity, "fingerprint_invalid",
			"on the server: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", "the fingerprint must look like SHA256:…")
	}
	added, err := a.o.HostKeys.Trust(c.Request().Context(), host, strings.TrimRight(in.Fingerprint, "="))
	if errors.Is(err, model.ErrNotFound) {
		return hinted(http.StatusUnprocessableEntity, "host_key_not_offered",
			"issuetrail known-hosts scan "+host+" shows what it offers", "%s offers no key with the fingerprint %s", host, in.Fingerprint)
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusCreated, wireHost(added, true))
}

// removeKnownHost stops trusting the added keys of ?host=, which may also be the patterns or
// the hashed name of an imported line, with its marker.
func (a *API) removeKnownHost(c echo.Context) error {
	host := strings.TrimSpace(c.QueryParam("host"))
	if !strings.HasPrefix(host, "@") && !strings.ContainsAny(host, "*?,|") {
		address, err := hostPort(host)
		if err != nil {
			return err
		}
		host = address.HostPort()
	}
	err := a.o.HostKeys.Remove(c.Request().Context(), host)
	if errors.Is(err, model.ErrNotFound) {
		return notFound("no key of %.200s was added", host)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// maxHostsBody bounds a known_hosts file that is imported, in bytes of JSON.
const maxHostsBody = 4 << 20

// importKnownHosts trusts the lines of a known_hosts file, and says what became of each.
func (a *API) importKnownHosts(c echo.Context) error {
	var in wire.HostImport
	if err := decode(c, &in, maxHostsBody); err != nil {
		return err
	}
	done, err := a.o.HostKeys.Import(c.Request().Context(), in.Text)
	if err != nil {
		return err
	}
	trusted := func(k model.KnownHost) bool { return k.Marker != "revoked" }
	out := wire.HostImported{
		Added: wireHosts(done.Added, trusted), Present: wireHosts(done.Present, trusted), LeftOut: []wire.LeftOut{},
	}
	for _, l := range done.LeftOut {
		out.LeftOut = append(out.LeftOut, wire.LeftOut{Line: l.Line, Host: l.Host, Reason: l.Reason})
	}
	return answer(c, http.StatusOK, out)
}

func wireHosts(keys []model.KnownHost, trusted func(model.KnownHost) bool) []wire.KnownHost {
	items := make([]wire.KnownHost, len(keys))
	for i, k := range keys {
		items[i] = wireHost(k, trusted(k))
	}
	return items
}

func wireHost(k model.KnownHost, trusted bool) wire.KnownHost {
	return wire.KnownHost{
		Host: k.Host, Marker: k.Marker, Type: k.Type, Fingerprint: k.Fingerprint, Key: base64.StdEncoding.EncodeToString(k.Key),
		Source: k.Source, Trusted: trusted, AddedAt: wire.At(k.AddedAt), SourceURL: k.Page, SourceDate: k.Dated,
	}
}
