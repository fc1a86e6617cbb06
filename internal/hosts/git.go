package hosts

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

// plain is any server with git and SSH. Its post-receive hook sends what git
// tells it, signed:
//
//	repo acme/app
//	url git@git.example.com:acme/app.git
//	<old hash> <new hash> <ref>
//
// One line says "repo" with the name as in the clone URL's path; lines of "url"
// are optional; then come the lines that git gave the hook. A JSON body in the
// shape of GitHub's push is taken as well: many scripts send that already.
type plain struct{}

const scriptDelivery = "X-Delivery"

func (plain) Kind() string { return kindGit }

// Verify checks X-Hub-Signature-256, as GitHub's is made.
func (plain) Verify(h http.Header, body []byte, secret Secret) error {
	return verifyHub(h, hubSignature, body, secret)
}

// Links gives none: a plain server has no pages.
func (plain) Links(string, model.Repo) model.Links { return model.Links{} }

// Parse goes by the first bytes, not by the content type: curl calls everything
// a form unless it is told otherwise.
func (plain) Parse(h http.Header, body []byte) (model.Push, error) {
	p := label(model.Push{Event: "push", DeliveryID: h.Get(scriptDelivery)})
	if bytes.HasPrefix(body, []byte("repo ")) {
		return parseScript(p, body)
	}
	if event := h.Get(hubEvent); event != "" {
		p.Event = event
	}
	if p.DeliveryID == "" {
		p.DeliveryID = h.Get(hubDelivery)
	}
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n\uFEFF"), []byte("{")):
		h = nil // it is JSON, whatever the content type says
	case !bytes.Contains(body, []byte("payload=")):
		return refuse(p, "the body is neither the text of the hook script nor JSON in the shape of GitHub's push")
	}
	return parseHub(label(p), h, body)
}

func parseScript(p model.Push, body []byte) (model.Push, error) {
	number := 0
	for line := range bytes.Lines(body) {
		number++
		if len(line) > maxURL+maxRef {
			return refuse(p, "line %d is too long", number)
		}
		if err := scriptLine(&p, strings.TrimRight(string(line), "\r\n")); err != nil {
			return refuse(p, "line %d %w", number, err)
		}
	}
	return finish(p)
}

// scriptLine reads one line into p.
func scriptLine(p *model.Push, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "":
	case word == "repo" && p.RepoName == "":
		// As model.Address.Name writes it, so that a path of the server fits too.
		p.RepoName = model.Address{Path: strings.TrimSpace(rest)}.Name()
	case word == "url" && len(p.URLs) < 8:
		p.URLs = append(p.URLs, strings.TrimSpace(rest))
	default:
		after, ref, ok := strings.Cut(rest, " ")
		if !ok || !hexHash(word) || !hexHash(after) || ref == "" {
			return fmt.Errorf(`is neither "repo <name>" nor "url <clone url>" nor "<old> <new> <ref>"`)
		}
		// One other ref is kept, so that finish sees that nothing followed moved.
		if len(p.Updates) == 0 || branchOrTag(ref) && len(p.Updates) <= maxUpdates {
			p.Updates = append(p.Updates, update(ref, word, after))
		}
	}
	return nil
}

// hexHash says whether s is a hash of a SHA-1 or SHA-256 repository.
func hexHash(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

func (plain) Guide(Site) []Step { return nil }
