package hosts

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"issuetrail/internal/model"
)

// The hook scripts of the project send, signed, what git tells them:
//
//	repo acme/app
//	url git@git.example.com:acme/app.git
//	<old hash> <new hash> <ref>
//
// One line says "repo" with the name as in the clone URL's path; lines of "url"
// are optional; then come the lines that git gave the hook. A JSON body in the
// shape of GitHub's push is taken as well: many scripts send that already.

const (
	scriptDelivery = "X-Delivery"
	scriptLineSize = 1 << 16 // bytes; git's own packets, in which a ref came, are shorter
)

// verifyScript checks X-Hub-Signature-256, as GitHub's is made.
func verifyScript(h http.Header, body []byte, secret Secret, kind string) error {
	if err := foreign(h, kind); err != nil {
		return err
	}
	return verifyHub(h, hubSignature, body, secret)
}

// parseScript goes by the first bytes, not by the content type: curl calls everything
// a form unless it is told otherwise.
func parseScript(h http.Header, body []byte) (model.Push, error) {
	p := label(model.Push{Event: "push", DeliveryID: h.Get(scriptDelivery)})
	if bytes.HasPrefix(body, []byte("repo ")) {
		return scriptLines(p, body)
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

func scriptLines(p model.Push, body []byte) (model.Push, error) {
	number := 0
	for line := range bytes.Lines(body) {
		number++
		if len(line) > scriptLineSize {
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

// setting is a line of a script's head that Install fills: the word before the value
// says which language it is.
var setting = regexp.MustCompile(`(?m)^(url|secret_file|def webhook|def secretFile)( ?= ?)'[^'\n]*'`)

// Install gives the text of the script with the webhook's address and the path of the
// secret file on the git server filled in, each quoted for the language of the script. An
// empty one leaves the example.
func (s Script) Install(webhook, secretFile string) string {
	return setting.ReplaceAllStringFunc(s.Text, func(line string) string {
		m := setting.FindStringSubmatch(line)
		value := secretFile
		if m[1] == "url" || m[1] == "def webhook" {
			value = webhook
		}
		switch {
		case value == "":
			return line
		case strings.HasPrefix(m[1], "def "):
			return m[1] + m[2] + quoteGroovy(value)
		}
		return m[1] + m[2] + quoteShell(value)
	})
}

// quoteShell writes a word of POSIX sh that is s, whatever stands in it.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteGroovy writes a string of Groovy in which nothing is expanded.
func quoteGroovy(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(s) + "'"
}
