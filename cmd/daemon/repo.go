package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// repoCommand is `issuetrail repo add|list|remove|sync|suspend|resume`.
func repoCommand() *cobra.Command {
	remove := &cobra.Command{Use: "remove URL", Short: "Forgets a repository and its links", Args: cobra.ExactArgs(1)}
	remote(remove, onRepo(func(cmd *cobra.Command, d *client.Client, r wire.Repository) error {
		return d.DeleteRepository(cmd.Context(), r.ID)
	}))
	suspend := &cobra.Command{Use: "suspend URL", Short: "Stops syncing a repository; its links stay", Args: cobra.ExactArgs(1)}
	remote(suspend, onRepo(setSuspended(true)))
	resume := &cobra.Command{Use: "resume URL", Short: "Syncs a suspended repository again", Args: cobra.ExactArgs(1)}
	remote(resume, onRepo(setSuspended(false)))
	return group("repo", "Repositories", repoAdd(), repoList(), remove, repoSync(), suspend, resume)
}

// onRepo finds the repository that the argument names.
func onRepo(do func(*cobra.Command, *client.Client, wire.Repository) error) func(*cobra.Command, *client.Client, []string) error {
	return func(cmd *cobra.Command, d *client.Client, args []string) error {
		r, err := d.FindRepository(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return do(cmd, d, r)
	}
}

func setSuspended(v bool) func(*cobra.Command, *client.Client, wire.Repository) error {
	return func(cmd *cobra.Command, d *client.Client, r wire.Repository) error {
		r, err := d.PatchRepository(cmd.Context(), r.ID, wire.RepositoryPatch{Suspended: &v})
		if err == nil && asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), r)
		}
		return err
	}
}

func repoAdd() *cobra.Command {
	var in wire.NewRepository
	c := &cobra.Command{Use: "add URL", Short: "Adds a repository and syncs it", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&in.Host, "host", "", "name of the hosts entry (default: by the SSH host of the URL)")
	c.Flags().StringVar(&in.Schedule, "schedule", "", "cron spec (default: sync.schedule of the config)")
	c.Flags().StringVar(&in.Mirror, "mirror", "", "full or commits (default: sync.mirror of the config); full keeps history only in this version")
	c.Flags().StringSliceVar(&in.Projects, "project", nil, "Jira project keys that this repository is narrowed to")
	c.Flags().Bool("wait", false, "return when the first sync is done")
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		in.URL = args[0]
		r, err := d.AddRepository(cmd.Context(), in)
		if err != nil {
			return err
		}
		wait, _ := cmd.Flags().GetBool("wait")
		if wait {
			bar := newProgress(cmd.ErrOrStderr())
			before := r
			before.LastSyncedAt, before.LastError = wire.Time{}, nil
			r, err = d.WaitSync(cmd.Context(), before, bar.show)
			bar.end()
			if err != nil {
				return err
			}
		}
		if asJSON(cmd) {
			if err := printJSON(cmd.OutOrStdout(), r); err != nil {
				return err
			}
		} else {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: repository %s of host %s, schedule %s\n", plain(r.Name), r.ID, r.Host, r.Schedule)
		}
		return syncError(r, wait)
	})
}

// syncError is the error of a sync that was waited for.
func syncError(r wire.Repository, waited bool) error {
	if !waited || r.LastError == nil {
		return nil
	}
	text := fmt.Sprintf("%s: %s", plain(r.Name), plain(r.LastError.Detail))
	if r.LastError.Hint != "" {
		text += "\n" + r.LastError.Hint
	}
	return errors.New(text)
}

func repoSync() *cobra.Command {
	c := &cobra.Command{Use: "sync [URL...]", Short: "Syncs repositories now; without a URL all of them", Args: cobra.ArbitraryArgs}
	c.Flags().Bool("wait", false, "return when they are done; exit 1 if one failed")
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		repos, err := chooseRepos(cmd, d, args)
		if err != nil {
			return err
		}
		for _, r := range repos {
			if err := d.Sync(cmd.Context(), r.ID); err != nil {
				return err
			}
		}
		if wait, _ := cmd.Flags().GetBool("wait"); wait {
			return waitAll(cmd, d, repos)
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), repos)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%d queued\n", len(repos))
		return nil
	})
}

// chooseRepos finds the named repositories; without names all that are not suspended.
func chooseRepos(cmd *cobra.Command, d *client.Client, args []string) ([]wire.Repository, error) {
	var repos []wire.Repository
	for _, a := range args {
		r, err := d.FindRepository(cmd.Context(), a)
		if err != nil {
			return nil, err
		}
		repos = append(repos, r)
	}
	if len(args) > 0 {
		return repos, nil
	}
	for r, err := range d.Repositories(cmd.Context()) {
		if err != nil {
			return nil, err
		}
		if !r.Suspended {
			repos = append(repos, r)
		}
	}
	return repos, nil
}

// waitAll waits for the queued syncs one after the other, with a progress bar.
func waitAll(cmd *cobra.Command, d *client.Client, repos []wire.Repository) error {
	bar := newProgress(cmd.ErrOrStderr())
	defer bar.end()
	done, failed := make([]wire.Repository, 0, len(repos)), []error{}
	for _, before := range repos {
		r, err := d.WaitSync(cmd.Context(), before, bar.show)
		if err != nil {
			return err
		}
		bar.end()
		done = append(done, r)
		if err := syncError(r, true); err != nil {
			failed = append(failed, err)
		}
		if !asJSON(cmd) {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %d refs, %d linked commits, %d linked branches\n",
				plain(r.Name), r.State, r.Refs, r.LinkedCommits, r.LinkedBranches)
		}
	}
	if asJSON(cmd) {
		if err := printJSON(cmd.OutOrStdout(), done); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

func repoList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "Lists the repositories, their state and their next runs"}
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		repos := []wire.Repository{}
		for r, err := range d.Repositories(cmd.Context()) {
			if err != nil {
				return err
			}
			repos = append(repos, r)
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), repos)
		}
		return repoTable(cmd.OutOrStdout(), repos)
	})
}

func repoTable(out io.Writer, repos []wire.Repository) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tHOST\tMIRROR\tSTATE\tREFS\tLINKED\tLAST SYNC\tSCHEDULE\tNEXT RUNS")
	for _, r := range repos {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d+%d\t%s\t%s\t%s\n", r.ID, plain(r.Name), r.Host, mirrorWord(r.Mirror), stateWord(r),
			r.Refs, r.LinkedCommits, r.LinkedBranches, when(r.LastSyncedAt), r.Schedule, nextRuns(r.NextRuns))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range repos {
		if e := r.LastError; e != nil {
			fmt.Fprintf(out, "\n%s: %s: %s\n", plain(r.Name), e.Code, plain(e.Detail))
			if e.Hint != "" {
				fmt.Fprintf(out, "  %s\n", e.Hint)
			}
		}
	}
	return nil
}

// mirrorWord says what a mirror keeps today: the files stage does not exist yet.
func mirrorWord(m string) string {
	if m == "full" {
		return "full (history only yet)"
	}
	return m
}

func stateWord(r wire.Repository) string {
	if p := r.Progress; p != nil {
		return fmt.Sprintf("%s %s", r.State, progressText(p))
	}
	return r.State
}

func nextRuns(at []wire.Time) string {
	text := ""
	for i, t := range at {
		if i == 3 {
			break
		}
		if i > 0 {
			text += ", "
		}
		if time.Until(t.Time) < 20*time.Hour {
			text += t.UTC().Format("15:04:05")
		} else {
			text += t.UTC().Format("01-02 15:04")
		}
	}
	if text == "" {
		return "-"
	}
	return text + " UTC"
}

// when is a moment for people.
func when(t wire.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
