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
	create.Flags().String("role", "viewer", "viewer may read, admin may do all")
	remote(create, func(cmd *cobra.Command, d *client.Client, args []string) error {
		role, _ := cmd.Flags().GetString("role")
		t, err := d.CreateToken(cmd.Context(), args[0], role)
		switch {
		case err != nil:
			return err
		case asJSON(cmd):
			return printJSON(cmd.OutOrStdout(), t)
		}
		fmt.Fprintln(cmd.OutOrStdout(), t.Token)
		fmt.Fprintln(cmd.ErrOrStderr(), "This is the only time the token is shown.")
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
		return d.RevokeToken(cmd.Context(), args[0])
	})
	return group("token", "API tokens", create, list, revoke)
}
