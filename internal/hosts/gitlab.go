package hosts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"issuetrail/internal/model"
)

// gitlab is gitlab.com and GitLab CE and EE, project, group and system hooks.
// https://docs.gitlab.com/user/project/integrations/webhook_events/
type gitlab struct{}

const (
	labEvent = "X-Gitlab-Event"
	labToken = "X-Gitlab-Token"

	// Of Standard Webhooks, https://www.standardwebhooks.com
	stdID        = "Webhook-Id"
	stdTime      = "Webhook-Timestamp"
	stdSignature = "Webhook-Signature"

	maxAge        = 5 * time.Minute // that a signed time may be away from ours, to either side
	maxSignatures = 16              // in one header
)

func (gitlab) Kind() string { return kindGitLab }

// Verify checks the signature where the delivery has one and a signing token is
// among the secrets: then it must pass, and the plain token does not make up
// for it. Any other delivery is checked by X-Gitlab-Token against the secrets
// that are no signing tokens.
func (gitlab) Verify(h http.Header, body []byte, secret Secret) error {
	var keys [][]byte
	var tokens Secret
	signing := false
	for _, v := range secret.values {
		if !strings.HasPrefix(string(v), signingPrefix) {
			tokens.values = append(tokens.values, v)
			continue
		}
		signing = true
		if key, ok := signingKey(v); ok {
			keys = append(keys, key)
		}
	}
	if signing && len(h.Values(stdSignature)) > 0 {
		return verifyStandard(h, body, keys)
	}
	token, err := single(h, labToken)
	if err != nil {
		return err
	}
	if !tokens.matches(token) {
		return ErrSignature
	}
	return nil
}

// verifyStandard checks a list of signatures, "v1,<base64>" each, over id, time
// and body.
func verifyStandard(h http.Header, body []byte, keys [][]byte) error {
	id, err := single(h, stdID)
	if err != nil {
		return err
	}
	stamp, err := single(h, stdTime)
	if err != nil {
		return err
	}
	list, err := single(h, stdSignature)
	if err != nil {
		return err
	}
	if err := fresh(stamp); err != nil {
		return err
	}
	given := signatures(list)
	ok := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, stamp)
		mac.Write(body)
		sum := mac.Sum(nil)
		for _, g := range given {
			ok = hmac.Equal(sum, g) || ok
		}
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// fresh says whether a time in Unix seconds is near enough to now.
func fresh(stamp string) error {
	at, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: %s is not a number", ErrSignature, stdTime)
	}
	now, age := time.Now().Unix(), int64(maxAge/time.Second)
	if at < now-age || at > now+age {
		return fmt.Errorf("%w: %s is more than %s away from our clock", ErrSignature, stdTime, maxAge)
	}
	return nil
}

// signatures gives those of the list that are of version 1 and whole.
func signatures(list string) (out [][]byte) {
	for word := range strings.FieldsSeq(list) {
		text, ok := strings.CutPrefix(word, "v1,")
		if !ok {
			continue
		}
		if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) == sha256.Size {
			out = append(out, b)
		}
		if len(out) == maxSignatures {
			break
		}
	}
	return out
}

// Links are those of GitLab since version 12; old addresses without "/-" lead there too.
func (gitlab) Links(base string, repo model.Repo) model.Links {
	return webLinks(base, named(repo), model.Links{
		Repo:        "{web}/{name}",
		Commit:      "{web}/{name}/-/commit/{hash}",
		Branch:      "{web}/{name}/-/tree/{branch}",
		Tag:         "{web}/{name}/-/tags/{tag}",
		Compare:     "{web}/{name}/-/compare/{from}...{to}",
		File:        "{web}/{name}/-/blob/{hash}/{path}[#L{line}]",
		PullRequest: "{web}/{name}/-/merge_requests/{number}",
	})
}

func (gitlab) service() (string, []string) {
	return "https://gitlab.com", []string{"gitlab.com", "altssh.gitlab.com"}
}
