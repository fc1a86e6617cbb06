package main

import (
	"errors"
	"fmt"
	"path"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// repoCommand is `issuetrail repo add|list|remove|sync|suspend|resume`.
func repoCommand() *cobra.Command {
	return group("repo", "Adds, lists, syncs and removes repositories", repoAdd(), repoList(), repoSync(),
		onRepo("remove", "Forgets a repository and its links", "removed", func(cmd *cobra.Command, d *client.Client, r wire.Repository) (wire.Repository, error) {
			return r, d.DeleteRepository(cmd.Context(), r.ID)
		}),
		onRepo("suspend", "Stops syncing a repository; its links stay", "suspended", setSuspended(true)),
		onRepo("resume", "Syncs a suspended repository again", "resumed", setSuspended(false)),
	)
}

// onRepo is a command that does one thing to one repository.
func onRepo(use, short, did string, do func(*cobra.Command, *client.Client, wire.Repository) (wire.Repository, error)) *cobra.Command {
	c := &cobra.Command{Use: use + " URL", Short: short, Long: short + ". " + urlHelp, Args: cobra.ExactArgs(1)}
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		r, err := findRepo(cmd, d, args[0])
		if err == nil {
			r, err = do(cmd, d, r)
		}
		if err != nil {
			return err
		}
		return done(cmd, r, "%s: %s", plain(r.Name), did)
	})
}

func setSuspended(v bool) func(*cobra.Command, *client.Client, wire.Repository) (wire.Repository, error) {
	return func(cmd *cobra.Command, d *client.Client, r wire.Repository) (wire.Repository, error) {
		return d.PatchRepository(cmd.Context(), r.ID, wire.RepositoryPatch{Suspended: &v})
	}
}

const urlHelp = "A repository is named by its URL, its id, or its name or the last part of that, if it is the only one."

// findRepo finds a repository by URL, id or name, or by the last part of a name that
// only one has.
func findRepo(cmd *cobra.Command, d *client.Client, what string) (wire.Repository, error) {
	r, err := d.FindRepository(cmd.Context(), what)
	var p *wire.Problem
	if !errors.As(err, &p) || p.Code != "not_found" {
		return r, err
	}
	var near []wire.Repository
	for r, err := range d.Repositories(cmd.Context()) {
		if err != nil {
			return r, err
		}
		if r.Name == what || path.Base(r.Name) == what {
			near = append(near, r)
		}
	}
	switch len(near) {
	case 0:
		return r, hinted(fmt.Errorf("there is no repository %.200q", withoutPassword(what)), "issuetrail repo list shows them; issuetrail repo add URL adds one")
	case 1:
		return near[0], nil
	}
	text := ""
	for _, r := range near {
		text += fmt.Sprintf("\n  %s  %s", r.ID, plain(r.URL))
	}
	return r, fmt.Errorf("several repositories are called %q; give the URL or the id:%s", what, text)
}

func repoAdd() *cobra.Command {
	var in wire.NewRepository
	c := &cobra.Command{Use: "add URL", Short: "Adds a repository and syncs it", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&in.Host, "host", "", "name of the hosts entry (default: by the SSH host of the URL)")
	c.Flags().StringVar(&in.Schedule, "schedule", "", `cron spec, such as "*/5 * * * *" (default: sync.schedule of the config)`)
	mirror := oneOf(c, "mirror", "", "what is kept (default: sync.mirror of the config); full keeps history only in this version", "full", "commits")
	c.Flags().StringSliceVar(&in.Projects, "project", nil, "Jira project keys that this repository is narrowed to")
	c.Flags().Bool("wait", false, "return when the first sync is done; exit 1 if it failed")
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		in.URL, in.Mirror = args[0], mirror.value
		r, err := d.AddRepository(cmd.Context(), in)
		if err != nil {
			return err
		}
		if wait, _ := cmd.Flags().GetBool("wait"); wait {
			r.LastSyncedAt, r.LastError = wire.Time{}, nil // what the answer may show of the first sync counts
			return waitAll(cmd, d, []wire.Repository{r})
		}
		return done(cmd, r, "%s: added as repository %s of host %s, schedule %s", plain(r.Name), r.ID, r.Host, r.Schedule)
	})
}

// lastError is why the last sync failed, or nil.
func lastError(r wire.Repository) error {
	if r.LastError == nil {
		return nil
	}
	return hinted(fmt.Errorf("%s: %s: %s", plain(r.Name), r.LastError.Code, plain(r.LastError.Detail)), plain(r.LastError.Hint))
}

// count is a number with its noun.
func count(n int, noun string) string {
	switch {
	case n == 1:
	case noun == "branch":
		noun = "branches"
	case noun == "repository":
		noun = "repositories"
	default:
		noun += "s"
	}
	return fmt.Sprint(n, " ", noun)
}
