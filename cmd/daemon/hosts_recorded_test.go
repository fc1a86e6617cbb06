package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// A recording is a delivery of internal/hosts/testdata with what Parse makes of it.
type recording struct {
	kind, name string
	header     http.Header
	body       string
	want       struct {
		Push           model.Push
		Ignored, Error string
	}
}

func recordings(t *testing.T) (all []recording) {
	t.Helper()
	for _, kind := range hosts.Kinds() {
		files, err := filepath.Glob("../../internal/hosts/testdata/" + kind + "/*.http")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no recorded deliveries: %v", kind, err)
		}
		for _, file := range files {
			all = append(all, readRecording(t, kind, file))
		}
	}
	return all
}

func readRecording(t *testing.T, kind, file string) recording {
	t.Helper()
	r := recording{kind: kind, name: kind + "/" + strings.TrimSuffix(filepath.Base(file), ".http")}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(bytes.NewReader(data))
	header, err := textproto.NewReader(in).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	body, _ := io.ReadAll(in)
	r.header, r.body = http.Header(header), strings.TrimSuffix(string(body), "\n")
	text, err := os.ReadFile(strings.TrimSuffix(file, ".http") + ".want")
	if err == nil {
		err = json.Unmarshal(text, &r.want)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return r
}

// sendAs sends the recording signed with a secret, to its own host's path.
func (w *world) sendAs(r recording, s signer) (int, map[string]any) {
	w.t.Helper()
	h := r.header.Clone()
	for _, id := range []string{
		"X-Delivery", "X-GitHub-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery", "X-Forgejo-Delivery", "X-Request-UUID", "X-Request-Id", "Idempotency-Key",
	} {
		if h.Get(id) != "" {
			h.Set(id, r.name) // several recordings of a kind have one id
		}
	}
	path := s.prove(r.kind, h, r.body)
	return w.postHeader(path, r.body, h)
}

// recordedWorld follows each repository that a recording names, by its name. None of them can be
// fetched; the sync says so, and a delivery is none the worse for it.
func recordedWorld(t *testing.T, all []recording) *world {
	t.Helper()
	w := newWorldOn(t, namedSSH(t, testssh.Options{}))
	var repos []string
	for _, r := range all {
		name := r.want.Push.RepoName
		if name == "" || r.want.Error != "" || r.want.Push.Change != "" {
			continue
		}
		entry := repoEntry(recordedURL(w.ssh, r.kind, name), r.kind)
		if !slices.Contains(repos, entry) {
			repos = append(repos, entry)
		}
	}
	w.hostsConfig(allHosts(), repos)
	w.mustStart()
	return w
}

// recordedURL is an address whose repository has this name; each kind has a path of its own, for
// one address is one repository.
func recordedURL(s *testssh.Server, kind, name string) string {
	return fmt.Sprintf("ssh://%s@%s/%s/%s.git", s.User(), s.HostPort(), kind, strings.ReplaceAll(name, " ", "%20"))
}

// Every recorded delivery, signed as its host does, gets the status of the contract from the daemon.
func TestRecordedDeliveries(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	w := recordedWorld(t, all)
	seen := map[string]bool{}
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			status, answer := w.sendAs(r, secretText)
			id := r.want.Push.DeliveryID
			again := seen[id] && r.kind == "azure-devops" // whose id stands in the body
			seen[id] = seen[id] || id != "" && status == http.StatusAccepted
			word, _ := answer["status"].(string)
			reason, _ := answer["reason"].(string)
			switch p := r.want.Push; {
			case r.want.Error != "":
				if status != http.StatusBadRequest {
					t.Errorf("%d %v, want 400", status, answer)
				}
				w.isLogged(t, answer, "rejected", r.want.Error)
			case again:
				if status != http.StatusOK || reason != "seen before" {
					t.Errorf("a second one of this id: %d %v", status, answer)
				}
			case r.want.Ignored != "":
				if status != http.StatusOK || word != "ignored" || !strings.Contains(reason, r.want.Ignored) {
					t.Errorf("%d %v, want 200 for %q", status, answer, r.want.Ignored)
				}
			case p.PullRequest != nil:
				if status != http.StatusOK || !strings.Contains(reason, fmt.Sprint(p.PullRequest.Number)) {
					t.Errorf("%d %v, want 200 that names pull request %d", status, answer, p.PullRequest.Number)
				}
				w.isLogged(t, answer, "ignored", reason)
			case p.Change != "": // the repository is not followed, or its new name is another's already
				if status != http.StatusOK && status != http.StatusAccepted {
					t.Errorf("%d %v", status, answer)
				}
			case p.Everything:
				if status != http.StatusAccepted || word != "accepted" {
					t.Errorf("%d %v, want 202 for all of the host", status, answer)
				}
			case p.RepoName == "": // known by its id or its own address alone
				if status != http.StatusOK || reason != "the repository is not mirrored" {
					t.Errorf("%d %v, want 200 for a repository that is not known yet", status, answer)
				}
			default:
				if status != http.StatusAccepted || word != "accepted" {
					t.Errorf("%d %v, want 202", status, answer)
				}
				w.isLogged(t, answer, "accepted", "")
			}
		})
	}
}

// isLogged finds the delivery of an answer in the delivery log.
func (w *world) isLogged(t *testing.T, answer map[string]any, status, reason string) {
	t.Helper()
	id, _ := answer["delivery"].(string)
	d, err := w.api.Delivery(context.Background(), id)
	if err != nil || d.Status != status || d.Reason != reason {
		t.Errorf("the log has %q %q (%v), want %q %q", d.Status, d.Reason, err, status, reason)
	}
}

// A delivery of one host at the path of another is answered 401, also when both have the same secret.
func TestRecordedDeliveriesElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.hostsConfig(allHosts(), nil)
	w.mustStart()
	scripts := []string{"git", "gitolite", "gitblit"} // one script, one format
	for _, r := range recordings(t) {
		for _, kind := range hosts.Kinds() {
			if kind == r.kind || slices.Contains(scripts, kind) && slices.Contains(scripts, r.kind) {
				continue
			}
			if kind == "github" && slices.Contains(scripts, r.kind) && r.header.Get("X-Delivery") == "" {
				continue // a script that writes like GitHub is not evidently anything else
			}
			h := r.header.Clone()
			signer(secretText).prove(r.kind, h, r.body)
			if status, answer := w.postHeader("/webhooks/"+kind, r.body, h); status != http.StatusUnauthorized {
				t.Errorf("%s at %s: %d %v", r.name, kind, status, answer)
			}
		}
	}
	if n := w.metric("issuetrail_deliveries_stored"); n != 0 {
		t.Errorf("%v deliveries are in the log", n)
	}
}

// No secret and a wrong secret are answered 401, whatever the host; Bitbucket Data Center's test of a
// connection, which comes unsigned, is answered 200 and leaves no trace.
func TestRecordedDeliveriesUnproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.hostsConfig(allHosts(), nil)
	w.mustStart()
	for _, r := range recordings(t) {
		unsigned, _ := w.postHeader("/webhooks/"+r.kind, r.body, r.header)
		wrong, _ := w.sendAs(r, "another-secret-of-more-than-32-bytes")
		if unsigned != http.StatusUnauthorized || wrong != http.StatusUnauthorized {
			t.Errorf("%s: %d unsigned, %d with a wrong secret", r.name, unsigned, wrong)
		}
	}
	ping := http.Header{"X-Event-Key": {"diagnostics:ping"}, "X-Request-Id": {"one"}, "Content-Type": {"application/json"}}
	if status, answer := w.postHeader("/webhooks/bitbucket-server", `{"test":true}`, ping); status != http.StatusOK || answer["status"] != "ignored" {
		t.Errorf("diagnostics:ping, unsigned: %d %v", status, answer)
	}
	if status, _ := w.postHeader("/webhooks/bitbucket-server", `{"test":true,"repository":{"slug":"app"},"changes":[]}`, ping); status == http.StatusAccepted {
		t.Error("an unsigned diagnostics:ping rings the bell")
	}
	ping["X-Event-Key"] = []string{"repo:refs_changed"}
	if status, _ := w.postHeader("/webhooks/bitbucket-server", `{"test":true}`, ping); status != http.StatusUnauthorized {
		t.Errorf("another event, unsigned: %d", status)
	}
	if n := w.metric("issuetrail_sync_duration_seconds_count"); n != 0 {
		t.Errorf("%v syncs", n)
	}
}
