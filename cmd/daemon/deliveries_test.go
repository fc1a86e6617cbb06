package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/testssh"
)

// signingSecret is a signing token of Standard Webhooks: base64 of 32 bytes follows.
const signingSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// hub signs a body as GitHub and the hook scripts do.
func hub(body string) string {
	mac := hmac.New(sha256.New, []byte(secretText))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// standard are the headers of a delivery signed after Standard Webhooks.
func standard(id, body string, at time.Time) map[string]string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return map[string]string{
		"X-Gitlab-Event": "Push Hook", "Content-Type": "application/json",
		"Webhook-Id": id, "Webhook-Timestamp": fmt.Sprint(at.Unix()),
		"Webhook-Signature": "v1,AAAA v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}
}

// A deliveryWorld has a repository of each implemented kind of host.
func deliveryWorld(t *testing.T) (w *world, dirs map[string]string) {
	w, dirs = newWorld(t, testssh.Options{}), map[string]string{}
	var repos []string
	for _, kind := range []string{"github", "gitlab", "git"} {
		dirs[kind] = w.ssh.InitRepo("acme/" + kind + "-app.git")
		testssh.AddCommits(t, dirs[kind], "main", 2, nil)
		repos = append(repos, fmt.Sprintf("{url: %q, host: %s}", w.ssh.URL(dirs[kind]), kind))
	}
	w.config(repos...)
	w.write("secret", secretText+"\n"+signingSecret+"\n")
	w.mustStart()
	for kind := range dirs {
		w.synced(kind + "-app")
	}
	return w, dirs
}

// Every way in which a host says "pushed" ends in a linked commit.
func TestDeliveryForms(t *testing.T) {
	t.Parallel()
	w, dirs := deliveryWorld(t)
	next := 100
	arrives := func(what, kind string, send func(hash string) (string, map[string]string)) {
		t.Helper()
		next++
		key := fmt.Sprintf("APP-%d", next)
		hash := testssh.AddCommits(t, dirs[kind], "main", 1, func(int) string { return key + " by " + what })
		body, header := send(hash)
		if status, answer := w.post("/webhooks/"+kind, body, header); status != 202 || answer["status"] != "accepted" {
			t.Errorf("%s: %d %v", what, status, answer)
			return
		}
		w.until(what+": the commit is linked", func() bool { return w.linked(key, hash) })
	}
	arrives("github JSON", "github", func(hash string) (string, map[string]string) {
		body := pushBody("acme/github-app", "refs/heads/main", hash)
		return body, map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "a", "X-Hub-Signature-256": hub(body)}
	})
	arrives("github form", "github", func(hash string) (string, map[string]string) {
		body := url.Values{"payload": {pushBody("acme/github-app", "refs/heads/main", hash)}}.Encode()
		return body, map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "X-GitHub-Event": "push", "X-GitHub-Delivery": "b", "X-Hub-Signature-256": hub(body),
		}
	})
	arrives("gitlab token", "gitlab", func(hash string) (string, map[string]string) {
		return labBody("main", hash), map[string]string{"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": secretText, "Idempotency-Key": "a"}
	})
	arrives("gitlab signing token", "gitlab", func(hash string) (string, map[string]string) {
		body := labBody("main", hash)
		return body, standard("b", body, time.Now())
	})
	arrives("gitlab system hook", "gitlab", func(hash string) (string, map[string]string) {
		body := fmt.Sprintf(`{"event_name":"repository_update","project_id":9,"project":{"path_with_namespace":"acme/gitlab-app"},`+
			`"changes":[{"before":"%040d","after":%q,"ref":"refs/heads/main"},{"before":"%040d","after":%q,"ref":"refs/tags/v1"}],"refs":["refs/heads/main","refs/tags/v1"]}`, 0, hash, 0, hash)
		return body, map[string]string{"X-Gitlab-Event": "System Hook", "X-Gitlab-Token": secretText}
	})
	arrives("git hook script", "git", func(hash string) (string, map[string]string) {
		body := fmt.Sprintf("repo acme/git-app\n%040d %s refs/heads/main\n", 0, hash)
		return body, map[string]string{"X-Hub-Signature-256": hub(body), "X-Delivery": "s"}
	})
}

func labBody(branch, hash string) string {
	return fmt.Sprintf(`{"object_kind":"push","event_name":"push","ref":"refs/heads/%s","before":"%040d","after":%q,"project_id":9,`+
		`"project":{"id":9,"path_with_namespace":"acme/gitlab-app","git_ssh_url":"git@gitlab.example:acme/gitlab-app.git"}}`, branch, 0, hash)
}

// Replays and deliveries that tell of the past change nothing; a redelivery rings again.
func TestReplays(t *testing.T) {
	t.Parallel()
	w, dirs := deliveryWorld(t)
	old := testssh.AddCommits(t, dirs["github"], "main", 1, func(int) string { return "APP-31 first" })
	tip := testssh.AddCommits(t, dirs["github"], "main", 1, func(int) string { return "APP-32 second" })
	_, newer := w.deliver("newer", pushBody("acme/github-app", "refs/heads/main", tip))
	w.until("both commits are linked", func() bool { return w.linked("APP-31", old) && w.linked("APP-32", tip) })
	if status, answer := w.deliver("older", pushBody("acme/github-app", "refs/heads/main", old)); status != 202 {
		t.Errorf("out of order: %d %v", status, answer)
	}
	status, answer := w.deliver("newer", pushBody("acme/github-app", "refs/heads/main", tip))
	if status != 200 || answer["status"] != "ignored" || answer["reason"] != "seen before" || answer["delivery"] != newer["delivery"] {
		t.Errorf("a replay: %d %v", status, answer)
	}
	if status, _ := w.post("/webhooks/gitlab", labBody("main", tip), standard("old", labBody("main", tip), time.Now().Add(-6*time.Minute))); status != 401 {
		t.Errorf("an old signed time: %d", status)
	}
	w.until("the queue is empty", func() bool { return w.repos()["github-app"].State == "idle" })
	w.sameLinks("github-app", dirs["github"], "APP", "OPS")
	last := testssh.AddCommits(t, dirs["github"], "main", 1, func(int) string { return "APP-33 third" })
	d, err := w.api.Redeliver(context.Background(), answer["delivery"].(string))
	if err != nil || d.Status != "accepted" || len(d.Repositories) != 1 {
		t.Errorf("redeliver: %+v %v", d, err)
	}
	w.until("the redelivery is processed", func() bool { return w.linked("APP-33", last) })
	if i := w.issue("APP-32"); len(i.Commits) != 1 {
		t.Errorf("linked %d times", len(i.Commits))
	}
}

// What is not a push of ours gets its status and a reason.
func TestStrangeDeliveries(t *testing.T) {
	t.Parallel()
	w, _ := deliveryWorld(t)
	body := pushBody("other/repo", "refs/heads/main", fmt.Sprintf("%040d", 1))
	sign := map[string]string{"X-GitHub-Event": "push", "X-Hub-Signature-256": hub(body)}
	if status, a := w.post("/webhooks/github", body, sign); status != 200 || a["status"] != "ignored" || a["reason"] == "" {
		t.Errorf("not mirrored: %d %v", status, a)
	}
	if status, a := w.post("/webhooks/gitlab", body, sign); status != 401 {
		t.Errorf("signed as another host does: %d %v", status, a)
	}
	if status, a := w.post("/webhooks/nobody", body, sign); status != 404 || a["code"] != "host_unknown" {
		t.Errorf("no such host: %d %v", status, a)
	}
	bad := `{"ref":7}`
	if status, a := w.post("/webhooks/github", bad, map[string]string{"X-GitHub-Event": "push", "X-Hub-Signature-256": hub(bad)}); status != 400 || a["delivery"] == "" {
		t.Errorf("signed, not understood: %d %v", status, a)
	}
	res, err := http.Get(w.base + "/webhooks/github")
	if err != nil || res.StatusCode != 405 || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %v %v", res, err)
	}
	res.Body.Close()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	fmt.Fprint(z, body)
	z.Close()
	header := map[string]string{"X-GitHub-Event": "push", "Content-Encoding": "gzip", "X-Hub-Signature-256": hub(zipped.String())}
	if status, a := w.post("/webhooks/github", zipped.String(), header); status != 415 {
		t.Errorf("gzip: %d %v", status, a)
	}
}

// A body may have 26 MiB and not one byte more, announced or not.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.config()
	w.mustStart()
	send := func(size int, announced bool) int {
		t.Helper()
		body := strings.Repeat(" ", size-2) + "{}"
		req, err := http.NewRequest(http.MethodPost, w.base+"/webhooks/github", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if !announced {
			req.ContentLength = -1
		}
		req.Header.Set("X-GitHub-Event", "ping")
		req.Header.Set("X-Hub-Signature-256", hub(body))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0 // the server hung up before it read all
		}
		res.Body.Close()
		return res.StatusCode
	}
	const limit = 26 << 20
	if s := send(limit, true); s != 200 {
		t.Errorf("the largest body: %d", s)
	}
	for _, announced := range []bool{true, false} {
		if s := send(limit+1, announced); s != 413 {
			t.Errorf("one byte more, announced %v: %d", announced, s)
		}
	}
}
