package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// A hook is a signed delivery as GitHub sends it, ready to go; only its id is still free.
type hook struct {
	Body      []byte
	Signature string
}

// newHook makes the delivery of a push. Its size is that of a real one with one
// commit, about 4 kB.
func newHook(s *served, p pushed) hook {
	body := pushBody(s, p)
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(body)
	return hook{body, "sha256=" + hex.EncodeToString(mac.Sum(nil))}
}

func pushBody(s *served, p pushed) []byte {
	web := "https://bench.invalid/" + s.name
	person := map[string]any{"name": "Bench", "email": "bench@acme.example", "username": "bench"}
	commit := map[string]any{
		"id": p.Hash, "tree_id": p.Old, "distinct": true, "message": p.Key + ": a commit of the bench",
		"timestamp": "2026-01-02T03:04:05Z", "url": web + "/commit/" + p.Hash, "author": person, "committer": person,
		"added": []string{}, "removed": []string{}, "modified": []string{"README.md"},
	}
	repo := map[string]any{
		"id": 1000, "node_id": "R_bench", "name": s.name, "full_name": s.name, "private": true, "default_branch": "main",
		"ssh_url": s.url, "clone_url": web + ".git", "git_url": web + ".git", "html_url": web,
		"owner": map[string]any{"login": "acme", "id": 1, "type": "Organization"},
	}
	for _, kind := range []string{
		"forks", "keys", "collaborators", "teams", "hooks", "events", "assignees", "branches", "tags", "blobs",
		"git_tags", "git_refs", "trees", "statuses", "languages", "stargazers", "contributors", "subscribers", "subscription", "commits",
		"git_commits", "comments", "issue_comment", "contents", "compare", "merges", "archive", "downloads", "issues", "pulls",
		"milestones", "notifications", "labels", "releases", "deployments",
	} {
		repo[kind+"_url"] = "https://api.bench.invalid/repos/" + s.name + "/" + kind + "{/sha}"
	}
	body, err := json.Marshal(map[string]any{
		"ref": p.Ref, "before": p.Old, "after": p.Hash, "created": false, "deleted": false, "forced": false, "base_ref": nil,
		"repository": repo, "pusher": person, "sender": map[string]any{"login": "bench", "id": 2, "type": "User"},
		"compare": web + "/compare", "commits": []any{commit}, "head_commit": commit,
	})
	if err != nil {
		panic(err) // only strings and bools above
	}
	return body
}

// An answer is what the daemon says to a delivery.
type answer struct {
	Code         int      `json:"-"`
	Delivery     string   `json:"delivery"`
	Status       string   `json:"status"`
	Repositories []string `json:"repositories"`
}

// send posts a delivery under an id of its own.
func (h hook) send(ctx context.Context, c *http.Client, base, id string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/webhooks/bench", bytes.NewReader(h.Body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "GitHub-Hookshot/bench")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", h.Signature)
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Code: resp.StatusCode}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("delivery %s: %s: %.200s", id, resp.Status, b)
	}
	return a, nil
}
