package issuekey

import (
	"fmt"

	"issuetrail/internal/model"
)

// A Candidate is a piece of text that looks like an issue key, and what became of it.
type Candidate struct {
	Text   string         // as it stands in the text
	Key    model.IssueKey // what it links to; "" unless taken
	Taken  bool
	Reason string // why, in words for people
}

// Explain gives every candidate of text in order, by the very code that Find runs. A
// key that is named twice is there twice.
func (r *Rules) Explain(text []byte, kind Kind) []Candidate {
	var out []Candidate
	var found list
	s := scanner{rules: r, text: text, kind: kind}
	for at := 0; ; {
		t, ok := next(text, at)
		if !ok {
			return out
		}
		at = t.end
		v := s.judge(&t)
		if v == noToken {
			continue
		}
		c := Candidate{Text: string(text[t.start:t.end]), Taken: v.taken(), Reason: s.reason(&t, v)}
		if c.Taken {
			key := s.key(&t, nil)
			switch {
			case found.has(key):
				c.Reason += "; named before"
			case len(found.keys) == Limit:
				c.Taken, c.Reason = false, fmt.Sprintf("the text names more than %d issues", Limit)
			default:
				found.add(key)
			}
			if c.Taken {
				c.Key = model.IssueKey(key)
			}
		}
		out = append(out, c)
	}
}

// reason says a verdict in words.
func (s *scanner) reason(t *token, v verdict) string {
	project := string(appendUpper(nil, s.text[t.from:t.dash]))
	switch v {
	case takenKnown:
		if to := s.rules.known[project]; to != project {
			return fmt.Sprintf("project %s is now called %s", project, to)
		}
		return fmt.Sprintf("%s is a known project", project)
	case takenStrict:
		return "it has the form of an issue key (no list of projects is configured)"
	case takenSegment:
		return "it begins a segment of a branch name, so its case does not matter"
	case noBefore:
		return "a letter or digit stands right before the project key"
	case noAfter:
		return "a letter or digit follows right after the number"
	case noZero:
		return "an issue number has no leading zero"
	case noHuge:
		return fmt.Sprintf("an issue number is at most %d", maxNumber)
	case noUnknown:
		return fmt.Sprintf("%s is not in the list of projects", project)
	}
	return s.strictReason(project, v)
}

// strictReason says a verdict of the strict rules, or of web addresses, in words.
func (s *scanner) strictReason(project string, v verdict) string {
	switch v {
	case noShort:
		return fmt.Sprintf("a project key has at least %d characters", minKeyLen)
	case noLong:
		return fmt.Sprintf("a project key has at most %d characters", s.rules.maxLen)
	case noUnderscore:
		return "a project key of Jira Cloud holds no underscore"
	case noDenied:
		return fmt.Sprintf("%s is taken for the name of a standard or version; list it under issues.projects if it is a project", project)
	case noLower:
		return "lower case counts only for projects listed under issues.projects"
	case noNumberAfter:
		return "another number follows; list the project under issues.projects if it is an issue"
	case noVersion:
		return "a version number follows"
	case noForeignURL:
		return "it stands in a web address that is not under a configured Jira site"
	}
	return "it is no issue key"
}
