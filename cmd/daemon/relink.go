package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
)

// relinkCommand is `issuetrail relink [--dry-run]`.
func relinkCommand() *cobra.Command {
	c := &cobra.Command{Use: "relink", Short: "Makes all links anew from the stored history, with the rules now in force"}
	c.Flags().Bool("dry-run", false, "only say what would come and go")
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		dry, _ := cmd.Flags().GetBool("dry-run")
		res, err := d.Relink(cmd.Context(), dry)
		if err != nil {
			return err
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), res)
		}
		out := cmd.OutOrStdout()
		if !dry {
			fmt.Fprintln(out, "queued; issuetrail repo list shows when it is done")
			return nil
		}
		for _, r := range res.Repositories {
			fmt.Fprintf(out, "%s: %s would come, %d would go\n", plain(r.Repository), count(r.Added, "link"), r.Removed)
			for _, ch := range r.Changes {
				sign := map[string]string{"added": "+", "removed": "-"}[ch.Change]
				what := ch.Commit + plain(ch.Branch)
				if ch.PullRequest != 0 {
					what = fmt.Sprint("pull request ", ch.PullRequest)
				}
				fmt.Fprintf(out, "  %s %s %s\n", sign, ch.Key, what)
			}
		}
		if res.Truncated {
			fmt.Fprintln(out, "  … and more")
		}
		fmt.Fprintf(out, "%s would come, %d would go\n", count(res.Added, "link"), res.Removed)
		return nil
	})
}
