package sync

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	stdsync "sync"
	"time"

	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// Options are what the config says of syncs. They may change while syncs run.
type Options struct {
	Issues   issuekey.Options // Only is left empty: it comes from each repo's projects
	Include  []string         // globs of branches, see Filter
	Exclude  []string
	Schedule string        // of repos that have none
	Workers  int           // syncs at the same time; 0 = 8
	PerHost  int           // of them against one SSH server; 0 = 4
	Timeout  time.Duration // of one sync, but not of a repo's first; 0 = 15 minutes
}

// Defaults of the options, as the config's.
const (
	defaultWorkers = 8
	defaultPerHost = 4
	defaultTimeout = 15 * time.Minute
)

// Check says what is wrong with the options, all at once.
func (o Options) Check() error {
	_, err := compile(o)
	return err
}

// A plan is Options ready for use. It does not change; a reload makes another.
type plan struct {
	Options
	filter   *Filter
	schedule Schedule
	rules    stdsync.Map // projects of a repo, joined → *linkRules
}

func compile(o Options) (*plan, error) {
	if o.Workers <= 0 {
		o.Workers = defaultWorkers
	}
	if o.PerHost <= 0 {
		o.PerHost = defaultPerHost
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	p := &plan{Options: o}
	var err1, err2 error
	p.filter, err1 = NewFilter(o.Include, o.Exclude)
	p.schedule, err2 = ParseSchedule(o.Schedule)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return p, nil
}

// scheduleOf is the schedule that a repo follows. A spec that no longer parses
// gives way to the default.
func (p *plan) scheduleOf(repo model.Repo) Schedule {
	s := p.schedule
	if repo.Schedule != "" {
		if own, err := ParseSchedule(repo.Schedule); err == nil {
			s = own
		}
	}
	return s.For(repo.ID)
}

// rulesOf are the link rules of a repo.
func (p *plan) rulesOf(repo model.Repo) *linkRules {
	id := strings.Join(repo.Projects, ",")
	if r, ok := p.rules.Load(id); ok {
		return r.(*linkRules)
	}
	o := p.Issues
	o.Only = repo.Projects
	keys := issuekey.New(o)
	r, _ := p.rules.LoadOrStore(id, &linkRules{keys: keys, fingerprint: fingerprint(keys)})
	return r.(*linkRules)
}

// linkVersion is raised when the way from a found key to a link changes.
const linkVersion = 1

func fingerprint(keys *issuekey.Rules) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "link %d %s", linkVersion, keys.Fingerprint()))
	return hex.EncodeToString(sum[:8])
}

// linkRules say what links a commit or branch has.
type linkRules struct {
	keys        *issuekey.Rules
	fingerprint string
}

// commit gives the issue keys in the message of a commit.
func (r *linkRules) commit(c model.RawCommit) []model.IssueKey {
	var buf [8]model.Hash
	_, _, message := c.Scan(buf[:0])
	return r.keys.Find(message, issuekey.Message)
}

// branch gives the issue keys in the short name of a branch.
func (r *linkRules) branch(name string) []model.IssueKey {
	return r.keys.FindString(name, issuekey.Branch)
}

// pullRequest gives the issue keys in the title and the source branch of a pull request.
func (r *linkRules) pullRequest(pr model.PullRequest) []model.IssueKey {
	keys := slices.Concat(r.keys.FindString(pr.Title, issuekey.Message), r.keys.FindString(pr.Source, issuekey.Branch))
	slices.Sort(keys)
	return slices.Compact(keys)
}
