package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

func repoSync() *cobra.Command {
	c := &cobra.Command{
		Use: "sync [URL...]", Short: "Syncs repositories now; without a URL all that are not suspended",
		Long: "Syncs repositories now; without a URL all that are not suspended.\n" + urlHelp, Args: cobra.ArbitraryArgs,
	}
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
		return done(cmd, repos, "%s queued", count(len(repos), "sync"))
	})
}

// chooseRepos finds the named repositories; without names all that are not suspended.
func chooseRepos(cmd *cobra.Command, d *client.Client, args []string) ([]wire.Repository, error) {
	repos := []wire.Repository{}
	for _, a := range args {
		r, err := findRepo(cmd, d, a)
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
	ended, failed := make([]wire.Repository, 0, len(repos)), []error{}
	for _, before := range repos {
		r, err := d.WaitSync(cmd.Context(), before, bar.show)
		if err != nil {
			return err
		}
		bar.end()
		ended = append(ended, r)
		err = lastError(r)
		if err != nil {
			failed = append(failed, err)
		}
		if err == nil && !asJSON(cmd) {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %s, %s linked, %s linked\n", plain(r.Name), r.State,
				count(r.Refs, "ref"), count(r.LinkedCommits, "commit"), count(r.LinkedBranches, "branch"))
		}
	}
	if asJSON(cmd) {
		if err := printJSON(cmd.OutOrStdout(), ended); err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}
