package main

import (
	"fmt"
	"sync"
	"testing"

	"issuetrail/internal/testssh"
)

// A push, told by a signed delivery, becomes a linked commit.
func TestPushBecomesLink(t *testing.T) {
	w := newWorld(t, testssh.Options{})
	dir := w.ssh.InitRepo("acme/app.git")
	testssh.AddCommits(t, dir, "main", 3, nil)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	r := w.synced("app")
	if r.LinkedCommits != 3 || r.DefaultBranch != "main" || r.Host != "github" {
		t.Errorf("after the first sync: %+v", r)
	}
	hash := testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-77 pushed" })
	testssh.Git(t, dir, "branch", "feature/OPS-5-x", "main")
	status, answer := w.deliver("one", pushBody("acme/app", "refs/heads/main", hash))
	if status != 202 || answer["status"] != "accepted" {
		t.Fatalf("%d %v", status, answer)
	}
	w.until("the commit is linked", func() bool { return w.linked("APP-77", hash) })
	i := w.issue("APP-77")
	if c := i.Commits[0]; c.Subject != "APP-77 pushed" || c.BranchCount != 2 || c.Branches[0] != "main" || c.URL == nil {
		t.Errorf("%+v", c)
	}
	if b := w.issue("OPS-5").Branches; len(b) != 1 || b[0].Name != "feature/OPS-5-x" || b[0].Tip != hash {
		t.Errorf("branches %+v", b)
	}
	if status, answer := w.deliver("one", pushBody("acme/app", "refs/heads/main", hash)); status != 200 || answer["status"] != "ignored" {
		t.Errorf("a replay: %d %v", status, answer)
	}
}

// A thousand deliveries of one push are all accepted and cost a handful of fetches.
func TestFlood(t *testing.T) {
	w := newWorld(t, testssh.Options{})
	dir := w.ssh.InitRepo("acme/app.git")
	hash := testssh.AddCommits(t, dir, "main", 3, nil)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	w.synced("app")
	body := pushBody("acme/app", "refs/heads/main", hash)
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := range 125 {
				if status, answer := w.deliver(fmt.Sprintf("%d-%d", s, i), body); status != 202 {
					t.Errorf("%d %v", status, answer)
				}
			}
		})
	}
	senders.Wait()
	w.until("the queue is empty", func() bool { return w.repos()["app"].State == "idle" })
	if n := w.metric("issuetrail_sync_duration_seconds_count"); n > 200 {
		t.Errorf("1000 deliveries cost %v syncs", n)
	}
	if n := w.metric(`issuetrail_deliveries_stored`); n != 1000 {
		t.Errorf("%v deliveries are in the log", n)
	}
}

// A wrong signature leaves no trace but a count.
func TestWrongSignature(t *testing.T) {
	w := newWorld(t, testssh.Options{})
	w.config()
	w.mustStart()
	body := pushBody("acme/app", "refs/heads/main", fmt.Sprintf("%040d", 1))
	for _, header := range []map[string]string{
		{"X-GitHub-Event": "push"},
		{"X-GitHub-Event": "push", "X-Hub-Signature-256": "sha256="},
		{"X-GitHub-Event": "push", "X-Hub-Signature-256": "x"},
		{"X-GitHub-Event": "push", "X-Hub-Signature": "sha1=8d17c9f8a2a3e0b3d4e9a8c1c3a6b2b5f0e2d3c4"},
	} {
		if status, _ := w.post("/webhooks/github", body, header); status != 401 {
			t.Errorf("%v: %d", header, status)
		}
	}
	if n := w.metric("issuetrail_deliveries_stored"); n != 0 {
		t.Errorf("%v deliveries are in the log", n)
	}
	if n := w.metric(`issuetrail_deliveries_total{host="github",outcome="unauthorized"}`); n != 4 {
		t.Errorf("%v are counted", n)
	}
}
