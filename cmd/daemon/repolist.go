package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

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
		if len(repos) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "no repositories; add one: issuetrail repo add URL")
			return nil
		}
		return repoTable(cmd.OutOrStdout(), repos)
	})
}

// repoTable prints a line for each repository, then what there is to say of some.
func repoTable(out io.Writer, repos []wire.Repository) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tHOST\tSTATE\tREFS\tLINKED COMMITS\tBRANCHES\tLAST SYNC\tSCHEDULE\tNEXT RUNS (UTC)\tMIRROR")
	full := false
	for _, r := range repos {
		mirror := r.Mirror
		if mirror == "full" {
			mirror, full = "full*", true
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d of %d\t%d\t%s\t%s\t%s\t%s\n", r.ID, plain(r.Name), r.Host, r.State,
			r.Refs, r.LinkedCommits, r.Commits, r.LinkedBranches, moment(r.LastSyncedAt), r.Schedule, nextRuns(r), mirror)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if full {
		fmt.Fprintln(out, "* this version keeps history only, no files")
	}
	for _, r := range repos {
		printNote(out, r)
	}
	return nil
}

// printNote says how far a running sync is, and why the last one failed.
func printNote(out io.Writer, r wire.Repository) {
	if r.Progress == nil && r.LastError == nil {
		return
	}
	fmt.Fprintf(out, "\n%s  %s\n", r.ID, plain(r.URL))
	if p := r.Progress; p != nil {
		fmt.Fprintf(out, "    %s: %s\n", r.State, progressText(p))
	}
	if e := r.LastError; e != nil {
		fmt.Fprintf(out, "    %s: %s\n", e.Code, plain(e.Detail))
		if e.Hint != "" {
			fmt.Fprintf(out, "    hint: %s\n", plain(e.Hint))
		}
	}
}

func nextRuns(r wire.Repository) string {
	runs := []string{}
	for _, t := range r.NextRuns[:min(2, len(r.NextRuns))] {
		runs = append(runs, moment(t))
	}
	if len(runs) == 0 {
		return "-"
	}
	return strings.Join(runs, ", ")
}

// moment is a time of today, or a day and a time, in UTC.
func moment(t wire.Time) string {
	switch apart := time.Until(t.Time).Abs(); {
	case t.IsZero():
		return "never"
	case apart < 20*time.Hour:
		return t.UTC().Format("15:04:05")
	case apart < 300*24*time.Hour:
		return t.UTC().Format("01-02 15:04")
	}
	return t.UTC().Format("2006-01-02")
}

// when is a moment with its date.
func when(t wire.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
