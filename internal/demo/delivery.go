package demo

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// Delivery makes the webhook request that GitHub sends for a push, signed with
// the secret: https://docs.github.com/webhooks/webhook-events-and-payloads#push.
func Delivery(url, repo string, u model.RefUpdate, secret []byte) (*http.Request, error) {
	body, err := json.Marshal(map[string]any{
		"ref": u.Name, "before": u.Old, "after": u.New,
		"created": false, "deleted": false, "forced": false,
		"repository": map[string]any{
			"id": 1, "full_name": repo,
			"ssh_url":   "git@github.com:" + repo + ".git",
			"clone_url": "https://github.com/" + repo + ".git",
		},
	})
	if err != nil {
		return nil, fmt.Errorf("demo delivery: %w", err)
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("demo delivery: %w", err)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", "demo-"+u.New.String())
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return req, nil
}
