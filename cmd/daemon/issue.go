package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// issueCommand is `issuetrail issue KEY`.
func issueCommand() *cobra.Command {
	c := &cobra.Command{Use: "issue KEY", Short: "Shows what is linked to an issue", Args: cobra.ExactArgs(1)}
	c.Flags().Bool("unreachable", false, "also commits that no followed ref reaches any more")
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		unreachable, _ := cmd.Flags().GetBool("unreachable")
		issue, err := wholeIssue(cmd, d, args[0], unreachable)
		if err != nil {
			return err
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), issue)
		}
		printIssue(cmd.OutOrStdout(), issue)
		return nil
	})
}

// wholeIssue reads all pages of an issue.
func wholeIssue(cmd *cobra.Command, d *client.Client, key string, unreachable bool) (wire.Issue, error) {
	issue, err := d.Issue(cmd.Context(), key, unreachable, 1000, "")
	for err == nil && issue.Next != "" {
		var more wire.Issue
		if more, err = d.Issue(cmd.Context(), key, unreachable, 1000, issue.Next); err == nil {
			issue.Commits, issue.Next = append(issue.Commits, more.Commits...), more.Next
		}
	}
	return issue, err
}

func printIssue(w io.Writer, i wire.Issue) {
	fmt.Fprintf(w, "%s: %s\n", i.Key, counts(i))
	if i.JiraURL != nil {
		fmt.Fprintln(w, *i.JiraURL)
	}
	for _, c := range i.Commits {
		fmt.Fprintf(w, "\n%s  %s  %s\n  %s\n", c.Hash[:12], plain(c.Repository), plain(c.Author.Name), plain(c.Subject))
		fmt.Fprintf(w, "  %s", c.CommittedAt.Format("2006-01-02 15:04"))
		if c.BranchCount > 0 {
			fmt.Fprintf(w, ", on %s", plain(strings.Join(c.Branches, ", ")))
		}
		if more := c.BranchCount - len(c.Branches); more > 0 {
			fmt.Fprintf(w, " and %d more", more)
		}
		if !c.Reachable {
			fmt.Fprint(w, ", on no followed ref any more")
		}
		fmt.Fprintln(w)
		if c.URL != nil {
			fmt.Fprintf(w, "  %s\n", *c.URL)
		}
	}
	for _, b := range i.Branches {
		fmt.Fprintf(w, "\nbranch %s  %s  %s\n", plain(b.Name), plain(b.Repository), b.Tip[:12])
	}
	for _, t := range i.Tags {
		fmt.Fprintf(w, "\ntag %s  %s  contains %s of the issue\n", plain(t.Name), plain(t.Repository), count(t.Commits, "commit"))
	}
	for _, p := range i.PullRequests {
		printPullRequest(w, p)
	}
}

func printPullRequest(w io.Writer, p wire.PullRequest) {
	fmt.Fprintf(w, "\npull request %d  %s  %s\n  %s\n", p.Number, plain(p.Repository), p.Status, plain(p.Title))
	var about []string
	if !p.UpdatedAt.IsZero() {
		about = append(about, p.UpdatedAt.Format("2006-01-02 15:04"))
	}
	if p.Source != "" {
		about = append(about, "from "+plain(p.Source))
	}
	if p.Target != "" {
		about = append(about, "to "+plain(p.Target))
	}
	if len(about) > 0 {
		fmt.Fprintf(w, "  %s\n", strings.Join(about, ", "))
	}
	if p.URL != nil {
		fmt.Fprintf(w, "  %s\n", *p.URL)
	}
}

// counts says how much is linked.
func counts(i wire.Issue) string {
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{len(i.Commits), "commit"}, {len(i.Branches), "branch"}, {len(i.Tags), "tag"}, {len(i.PullRequests), "pull request"}} {
		if p.n > 0 {
			parts = append(parts, count(p.n, p.noun))
		}
	}
	if len(parts) == 0 {
		return "nothing is linked to it"
	}
	return strings.Join(parts, ", ")
}

// plain takes control characters out of a text that others wrote, and those that turn
// the direction of writing, so that it can neither steer the terminal nor mislead.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf) {
			return -1
		}
		return r
	}, s)
}
