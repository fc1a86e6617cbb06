package hosts

import (
	"fmt"
	"net/http"
	"slices"
)

// marks are headers that some kinds of hosts send, and no other. Several hosts sign in
// one and the same way, so a secret that is used twice would let a delivery of one pass
// for that of another. X-GitHub-Event is no mark: Gitea, Gogs and many scripts send it.
var marks = []struct {
	header string
	kinds  []string
}{
	{"X-GitHub-Hook-ID", []string{kindGitHub}},
	{labEvent, []string{kindGitLab}},
	{"X-Forgejo-Event", []string{kindGitea}},
	{"X-Gitea-Event", []string{kindGitea}},
	{"X-Gogs-Event", []string{kindGitea}},
	{"X-Event-Key", []string{kindBitbucket, kindBitbucketServer}},
	{"X-Hook-UUID", []string{kindBitbucket}},
	{"X-VSS-SubscriptionId", []string{kindAzure}},
	{"X-VSS-ActivityId", []string{kindAzure}},
	{"X-Origin-Url", []string{kindGerrit}},
	{scriptDelivery, []string{kindGit, kindGitolite, kindGitBlit}},
}

// foreign refuses a delivery that is evidently another kind of host's.
func foreign(h http.Header, kind string) error {
	for _, m := range marks {
		if len(h.Values(m.header)) > 0 && !slices.Contains(m.kinds, kind) {
			return fmt.Errorf("%w: the header %s says that it is another host's delivery", ErrSignature, m.header)
		}
	}
	return nil
}
