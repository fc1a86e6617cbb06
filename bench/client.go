package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// A client speaks the JSON API of docs/api as a user's script would.
type client struct {
	base, token string
	http        *http.Client
}

func newClient(base string) *client {
	t := &http.Transport{MaxIdleConnsPerHost: 8}
	return &client{base: base, http: &http.Client{Transport: t, Timeout: time.Minute}}
}

// do sends a request and reads the JSON of the answer into out, unless out is nil.
func (c *client) do(ctx context.Context, method, path string, body, out any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, resp.Status, b)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// A repository is what the bench reads of one.
type repository struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	State         string    `json:"state"`
	LastSyncedAt  time.Time `json:"last_synced_at"`
	Refs          int       `json:"refs"`
	Commits       int       `json:"commits"`
	LinkedCommits int       `json:"linked_commits"`
	LastError     *struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"last_error"`
}

func (c *client) addRepo(ctx context.Context, url string) (repository, error) {
	var r repository
	return r, c.do(ctx, http.MethodPost, "/api/v1/repositories", map[string]string{"url": url}, &r)
}

func (c *client) repo(ctx context.Context, id string) (repository, error) {
	var r repository
	return r, c.do(ctx, http.MethodGet, "/api/v1/repositories/"+id, nil, &r)
}

// synced says whether a repository is idle after at least one sync. A failure is an error.
func (c *client) synced(ctx context.Context, id string) (repository, bool, error) {
	r, err := c.repo(ctx, id)
	if err == nil && r.LastError != nil {
		err = fmt.Errorf("sync %s: %s: %s", r.Name, r.LastError.Code, r.LastError.Detail)
	}
	return r, r.State == "idle" && !r.LastSyncedAt.IsZero(), err
}

// awaitSynced polls until a repository is idle.
func (c *client) awaitSynced(ctx context.Context, id string, every time.Duration) (repository, error) {
	var r repository
	err := poll(ctx, every, func() (ok bool, err error) {
		r, ok, err = c.synced(ctx, id)
		return ok, err
	})
	return r, err
}

// An issue is what the bench reads of one.
type issue struct {
	Key     string `json:"key"`
	Commits []struct {
		Hash         string `json:"hash"`
		RepositoryID string `json:"repository_id"`
	} `json:"commits"`
	Branches []struct {
		Name         string `json:"name"`
		RepositoryID string `json:"repository_id"`
	} `json:"branches"`
	Next string `json:"next"`
}

// A summary is a line of the issue list.
type summary struct {
	Key string `json:"key"`
}

func (c *client) issue(ctx context.Context, key, cursor string) (issue, error) {
	var i issue
	q := url.Values{"limit": {pageSize}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return i, c.do(ctx, http.MethodGet, "/api/v1/issues/"+url.PathEscape(key)+"?"+q.Encode(), nil, &i)
}

// linked says whether a commit is readable under its issue.
func (c *client) linked(ctx context.Context, p pushed) (bool, error) {
	i, err := c.issue(ctx, p.Key, "")
	for _, commit := range i.Commits {
		if commit.Hash == p.Hash {
			return true, nil
		}
	}
	return false, err
}

// pageSize is asked of every list.
const pageSize = "200"

// each reads a whole list, page by page.
func each[T any](ctx context.Context, c *client, path string, q url.Values, f func(T)) error {
	q.Set("limit", pageSize)
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		if err := c.do(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, item := range page.Items {
			f(item)
		}
		if page.Next == "" {
			return nil
		}
		q.Set("cursor", page.Next)
	}
}
