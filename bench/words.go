package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// projects are the Jira projects of the generated repository.
var projects = []string{"APP", "OPS", "WEB", "CORE", "DATA", "MY_PROJ"}

var (
	verbs   = strings.Fields("Add Fix Remove Rename Simplify Speed-up Guard Document Test Extract Inline Deprecate Allow Refuse Retry Cache Stream Log Validate Handle")
	nouns   = strings.Fields("login session cache consumer producer broker index scheduler parser encoder router token quota replica snapshot segment topic offset batch worker queue config schema migration upload export report invoice cart checkout search")
	places  = strings.Fields("startup shutdown failover rebalance rollback upgrade retry timeout import sign-in pagination compaction recovery")
	fillers = strings.Fields("the a when because after before it this that we which only still now must may never always again each other same new old first last slow empty broken large small without with for from into under while until more less than was is are were has had would could should value request response caller thread test state path")
	names   = strings.Fields("Ada Björn Chloé Dmitri Élodie Farid Grace Håkon Ines Jun Kofi Lena Marek Noor Olu Priya Quentin Rosa Søren Tariq Uma Viktor Wen Ximena Yuki Zoë")
	surs    = strings.Fields("Almeida Brown Costa Dubois Eriksen Fischer García Huang Ivanov Jensen Kowalski López Müller Nguyen Okafor Patel")
	// traps look like issue keys and are none; commits of real projects are full of them.
	traps = []string{"UTF-8", "SHA-256", "ISO-8859-1", "CVE-2021-44228", "x86-64", "lodash-4.17.21", "v2-beta-3", "RFC-7231", "release-2.3", "TICKET-12345-455", "thisNOT-123"}
)

// A text makes the words of commits; the same seed makes the same words.
type text struct{ r *rand.Rand }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func (t text) subject() string {
	return fmt.Sprintf("%s %s %s on %s", pick(t.r, verbs), pick(t.r, nouns), pick(t.r, nouns), pick(t.r, places))
}

// slug is the part of a branch name after the issue key.
func (t text) slug() string {
	return strings.ToLower(pick(t.r, verbs) + "-" + pick(t.r, nouns) + "-" + pick(t.r, places))
}

// paragraph is n lines of about 70 bytes.
func (t text) paragraph(n int) string {
	var b strings.Builder
	for range n {
		for width := 0; width < 64; {
			w := pick(t.r, fillers)
			switch t.r.IntN(40) {
			case 0:
				w = pick(t.r, traps)
			case 1, 2, 3, 4:
				w = pick(t.r, nouns)
			}
			b.WriteString(w)
			b.WriteByte(' ')
			width += len(w) + 1
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// body is what stands under the subject: mostly nothing or a few lines, seldom a page.
func (t text) body() string {
	switch n := t.r.IntN(100); {
	case n < 45:
		return ""
	case n < 85:
		return "\n" + t.paragraph(1+t.r.IntN(5))
	case n < 97:
		return "\n" + t.paragraph(2+t.r.IntN(4)) + "\n" + t.paragraph(2+t.r.IntN(6))
	default:
		return "\n" + t.paragraph(10+t.r.IntN(30))
	}
}

// trailer ends a message as review tools do.
func (t text) trailer() string {
	switch t.r.IntN(6) {
	case 0:
		return fmt.Sprintf("\nReviewers: %s, %s\n", t.person(), t.person())
	case 1:
		return "\nSigned-off-by: " + t.person() + "\n"
	}
	return ""
}

// message is that of a commit that is no merge. An empty key gives one that names none.
func (t text) message(key string, number int) string {
	s := t.subject()
	if key == "" {
		switch t.r.IntN(8) {
		case 0:
			s = fmt.Sprintf("Bump %s from %d.%d.1 to %d.%d.2", pick(t.r, nouns), number%9, number%7, number%9, number%7)
		case 1:
			s = "Fix typo"
		case 2:
			s = fmt.Sprintf("chore(%s): %s", pick(t.r, nouns), strings.ToLower(s))
		}
		return s + "\n" + t.body() + t.trailer()
	}
	switch t.r.IntN(12) {
	case 0, 1, 2, 3:
		return fmt.Sprintf("%s: %s (#%d)\n%s%s", key, s, number, t.body(), t.trailer())
	case 4, 5:
		return fmt.Sprintf("%s %s\n%s%s", key, s, t.body(), t.trailer())
	case 6:
		return fmt.Sprintf("[%s] %s\n%s%s", key, s, t.body(), t.trailer())
	case 7:
		return fmt.Sprintf("fix(%s): %s\n%s\nRefs: %s\n", pick(t.r, nouns), strings.ToLower(s), t.body(), key)
	case 8:
		return fmt.Sprintf("%s\n%s\nFixes %s, %s-%d\n", s, t.body(), key, pick(t.r, projects), 1+t.r.IntN(900))
	case 9:
		return fmt.Sprintf("%s\n\n%sSee %s.\n%s", s, t.paragraph(1), key, t.trailer())
	case 10:
		return fmt.Sprintf("Revert \"%s: %s\"\n\nThis reverts commit %016x%016x%08x.\n", key, s, t.r.Uint64(), t.r.Uint64(), t.r.Uint32())
	default:
		return fmt.Sprintf("%s: %s\n", strings.ToLower(key), s)
	}
}

// mergeMessage is git's own, or that of a merge button.
func (t text) mergeMessage(branch, key string, number int) string {
	if t.r.IntN(2) == 0 {
		return fmt.Sprintf("Merge branch '%s'\n", branch)
	}
	title := t.subject()
	if key != "" && t.r.IntN(2) == 0 {
		title = key + " " + title
	}
	return fmt.Sprintf("Merge pull request #%d from acme/%s\n\n%s\n", number, branch, title)
}

// person is one of about 200 authors, "Name <email>".
func (t text) person() string {
	n := t.r.IntN(200)
	first, last := names[n%len(names)], surs[n%len(surs)]
	return fmt.Sprintf("%s %s <dev%d@acme.example>", first, last, n)
}
