package hosts

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"issuetrail/internal/model"
)

// finish checks and trims what a Parse found, the same for every host: what
// leaves this room is bounded, valid UTF-8 and free of control characters.
func finish(p model.Push) (model.Push, error) {
	p = label(p)
	if bad(p.RepoName, maxName) || bad(p.RepoID, maxWord) {
		return refuse(p, "the repository's name or id is too long or holds a control character")
	}
	urls := p.URLs[:0]
	for _, u := range p.URLs {
		if u != "" && !bad(u, maxURL) {
			urls = append(urls, u)
		}
	}
	p.URLs = urls
	if p.RepoName == "" && p.RepoID == "" && len(p.URLs) == 0 && !p.Everything {
		return refuse(p, "the delivery names no repository")
	}
	if bad(p.Was, maxName) {
		return refuse(p, "the repository's old name is too long or holds a control character")
	}
	if p.PullRequest != nil {
		return pullRequest(p)
	}
	return followed(p)
}

// pullRequest checks and trims what a Parse found of a pull request; it moves no ref.
func pullRequest(p model.Push) (model.Push, error) {
	pr := *p.PullRequest
	pr.Title = clip(pr.Title, maxTitle)
	pr.Source, pr.Target = strings.TrimPrefix(pr.Source, model.HeadPrefix), strings.TrimPrefix(pr.Target, model.HeadPrefix)
	switch pr.Status {
	case model.PullRequestOpen, model.PullRequestMerged, model.PullRequestDeclined, model.PullRequestRemoved:
	default:
		return refuse(p, "the state of the pull request is not understood")
	}
	if pr.Number <= 0 {
		return refuse(p, "the pull request has no number")
	}
	if bad(pr.Source, maxRef) || bad(pr.Target, maxRef) {
		return refuse(p, "the name of a branch is too long or holds a control character")
	}
	p.Updates, p.PullRequest = nil, &pr
	return p, nil
}

// clip makes people's text fit to store and to show in one line: valid UTF-8 of at
// most limit bytes, without control characters. It does not keep s in memory.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(strings.Clone(cut(s, limit)), "\uFFFD")
	return strings.TrimSpace(cut(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s), limit))
}

// cut gives at most limit bytes of s, and no part of a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	at := limit
	for at > 0 && at > limit-utf8.UTFMax && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at]
}

// refuse gives what is kept of a delivery that is not understood: the two words.
func refuse(p model.Push, format string, args ...any) (model.Push, error) {
	return label(model.Push{Event: p.Event, DeliveryID: p.DeliveryID}), fmt.Errorf(format, args...)
}

// followed keeps the updates of branches and tags. A push that names refs and
// none of those moves nothing that is followed. A name that git allows, and that
// is too long to keep or not UTF-8, is left out: the push rings without that hint.
func followed(p model.Push) (model.Push, error) {
	named, moved := len(p.Updates), 0
	updates := p.Updates[:0]
	for _, u := range p.Updates {
		if controls(u.Name) {
			return refuse(p, "the name of a ref holds a control character")
		}
		if !branchOrTag(u.Name) {
			continue
		}
		if moved++; len(updates) < maxUpdates && !bad(u.Name, maxRef) {
			updates = append(updates, u)
		}
	}
	// At maxUpdates a list was cut, and what was cut off may be branches.
	if p.Updates = updates; named > 0 && named < maxUpdates && moved == 0 {
		return p, ignore("the push moves no branch and no tag")
	}
	return p, nil
}

func branchOrTag(ref string) bool {
	return strings.HasPrefix(ref, model.HeadPrefix) || strings.HasPrefix(ref, model.TagPrefix)
}

// label makes the two words that come from headers fit to store; an id that
// does not fit is none, and the delivery is then not deduplicated.
func label(p model.Push) model.Push {
	if bad(p.DeliveryID, maxWord) {
		p.DeliveryID = ""
	}
	if bad(p.Event, maxWord) {
		p.Event = "unknown"
	}
	return p
}

// bad says whether s does not fit into limit bytes of readable text.
func bad(s string, limit int) bool {
	return len(s) > limit || !utf8.ValidString(s) || controls(s)
}

func controls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
