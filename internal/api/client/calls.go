package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"

	"issuetrail/internal/api/wire"
)

const prefix = "/api/v1"

// get and post are call with one typed answer.
func get[T any](ctx context.Context, c *Client, path string) (out T, err error) {
	err = c.call(ctx, "GET", prefix+path, nil, &out)
	return out, err
}

func post[T any](ctx context.Context, c *Client, path string, in any) (out T, err error) {
	err = c.call(ctx, "POST", prefix+path, in, &out)
	return out, err
}

// pages walks a list to its end, page by page. It stops at the first error.
func pages[T any](ctx context.Context, c *Client, path string, q url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if q == nil {
			q = url.Values{}
		}
		q.Set("limit", "500")
		for {
			page, err := get[wire.List[T]](ctx, c, path+"?"+q.Encode())
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Set("cursor", page.Next)
		}
	}
}

// Version tells which program answers.
func (c *Client) Version(ctx context.Context) (wire.Version, error) {
	return get[wire.Version](ctx, c, "/version")
}

// Issue reads one page of what is linked to a key. limit 0 is the server's default.
func (c *Client) Issue(ctx context.Context, key string, unreachable bool, limit int, cursor string) (wire.Issue, error) {
	q := url.Values{}
	if unreachable {
		q.Set("unreachable", "true")
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return get[wire.Issue](ctx, c, "/issues/"+url.PathEscape(key)+"?"+q.Encode())
}

// Issues lists issues with links whose key begins with query.
func (c *Client) Issues(ctx context.Context, query string) iter.Seq2[wire.IssueSummary, error] {
	return pages[wire.IssueSummary](ctx, c, "/issues", url.Values{"query": {query}})
}

// Deliveries lists the webhook log, newest first; host "" is all hosts.
func (c *Client) Deliveries(ctx context.Context, host string) iter.Seq2[wire.Delivery, error] {
	q := url.Values{}
	if host != "" {
		q.Set("host", host)
	}
	return pages[wire.Delivery](ctx, c, "/deliveries", q)
}

// Delivery reads all that is kept of a delivery.
func (c *Client) Delivery(ctx context.Context, id string) (wire.DeliveryDetail, error) {
	return get[wire.DeliveryDetail](ctx, c, "/deliveries/"+url.PathEscape(id))
}

// Redeliver queues again what a delivery meant.
func (c *Client) Redeliver(ctx context.Context, id string) (wire.Delivery, error) {
	return post[wire.Delivery](ctx, c, "/deliveries/"+url.PathEscape(id)+"/redeliver", nil)
}

// Hosts lists the git hosts of the config.
func (c *Client) Hosts(ctx context.Context) ([]wire.Host, error) {
	l, err := get[wire.List[wire.Host]](ctx, c, "/hosts")
	return l.Items, err
}

// HostGuide says how to connect a git host: an entry of the config, or a kind.
func (c *Client) HostGuide(ctx context.Context, name string) (wire.HostGuide, error) {
	return get[wire.HostGuide](ctx, c, "/hosts/"+url.PathEscape(name)+"/guide")
}

// TestConnection tries to list the refs of a repository.
func (c *Client) TestConnection(ctx context.Context, repoURL string) (wire.TestResult, error) {
	return post[wire.TestResult](ctx, c, "/connections/test", wire.TestRequest{URL: repoURL})
}

// KnownHosts lists the trusted host keys.
func (c *Client) KnownHosts(ctx context.Context) ([]wire.KnownHost, error) {
	l, err := get[wire.List[wire.KnownHost]](ctx, c, "/known-hosts")
	return l.Items, err
}

// ScanHost lists the host keys that HOST or HOST:PORT offers.
func (c *Client) ScanHost(ctx context.Context, host string) ([]wire.KnownHost, error) {
	l, err := post[wire.List[wire.KnownHost]](ctx, c, "/known-hosts/scan", wire.ScanRequest{Host: host})
	return l.Items, err
}

// TrustHost trusts the key of that fingerprint.
func (c *Client) TrustHost(ctx context.Context, host, fingerprint string) (wire.KnownHost, error) {
	return post[wire.KnownHost](ctx, c, "/known-hosts", wire.NewKnownHost{Host: host, Fingerprint: fingerprint})
}

// ImportKnownHosts trusts the lines of a known_hosts file.
func (c *Client) ImportKnownHosts(ctx context.Context, text string) (wire.HostImported, error) {
	return post[wire.HostImported](ctx, c, "/known-hosts/import", wire.HostImport{Text: text})
}

// RemoveKnownHost stops trusting the added keys of a host.
func (c *Client) RemoveKnownHost(ctx context.Context, host string) error {
	return c.call(ctx, "DELETE", prefix+"/known-hosts?"+url.Values{"host": {host}}.Encode(), nil, nil)
}

// Tokens lists the API tokens, without what makes them work.
func (c *Client) Tokens(ctx context.Context) ([]wire.Token, error) {
	l, err := get[wire.List[wire.Token]](ctx, c, "/tokens")
	return l.Items, err
}

// CreateToken makes an API token; the answer is the only place that ever shows it.
func (c *Client) CreateToken(ctx context.Context, name, role string) (wire.Token, error) {
	return post[wire.Token](ctx, c, "/tokens", wire.NewToken{Name: name, Role: role})
}

// RevokeToken ends an API token.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	return c.call(ctx, "DELETE", prefix+"/tokens/"+url.PathEscape(name), nil, nil)
}
