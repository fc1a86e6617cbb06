package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
)

// tokenCommand is `issuetrail token create|list|revoke`.
func tokenCommand() *cobra.Command {
	create := &cobra.Command{Use: "create NAME", Short: "Makes an API token and prints it, once", Args: cobra.ExactArgs(1)}
	role := oneOf(create, "role", "viewer", "viewer may read, admin may do all", "admin", "viewer")
	remote(create, func(cmd *cobra.Command, d *client.Client, args []string) error {
		t, err := d.CreateToken(cmd.Context(), args[0], role.value)
		switch {
		case err != nil:
			return err
		case asJSON(cmd):
			return printJSON(cmd.OutOrStdout(), t)
		}
		fmt.Fprintln(cmd.OutOrStdout(), t.Token)
		fmt.Fprintln(cmd.ErrOrStderr(), "A token of role "+t.Role+". This is the only time it is shown.")
		return nil
	})
	list := &cobra.Command{Use: "list", Short: "Lists the API tokens"}
	remote(list, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		tokens, err := d.Tokens(cmd.Context())
		switch {
		case err != nil:
			return err
		case asJSON(cmd):
			return printJSON(cmd.OutOrStdout(), tokens)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tROLE\tCREATED\tLAST USED")
		for _, t := range tokens {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Name, t.Role, when(t.CreatedAt), when(t.LastUsedAt))
		}
		return w.Flush()
	})
	revoke := &cobra.Command{Use: "revoke NAME", Short: "Ends an API token", Args: cobra.ExactArgs(1)}
	remote(revoke, func(cmd *cobra.Command, d *client.Client, args []string) error {
		if err := d.RevokeToken(cmd.Context(), args[0]); err != nil {
			return err
		}
		return done(cmd, map[string]string{"name": args[0], "status": "revoked"}, "%s: revoked", args[0])
	})
	return group("token", "Makes, lists and revokes API tokens", create, list, revoke)
}
