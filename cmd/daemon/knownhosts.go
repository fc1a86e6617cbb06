package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// knownHostsCommand is `issuetrail known-hosts list|scan|add|remove`.
func knownHostsCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "Lists the host keys that are trusted"}
	remote(list, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		keys, err := d.KnownHosts(cmd.Context())
		return printHostKeys(cmd, keys, err)
	})
	scan := &cobra.Command{Use: "scan HOST[:PORT]", Short: "Shows the host keys that a server offers; trusts none", Args: cobra.ExactArgs(1)}
	remote(scan, func(cmd *cobra.Command, d *client.Client, args []string) error {
		keys, err := d.ScanHost(cmd.Context(), args[0])
		if err := printHostKeys(cmd, keys, err); err != nil || asJSON(cmd) || len(keys) == 0 || slices.ContainsFunc(keys, trusted) {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "\nCompare a fingerprint with what the server's administrator says, then trust it:\n"+
			"  issuetrail known-hosts add %s --fingerprint %s\n", args[0], keys[0].Fingerprint)
		return nil
	})
	add := &cobra.Command{Use: "add HOST[:PORT] --fingerprint SHA256:…", Short: "Trusts the host key of that fingerprint", Args: cobra.ExactArgs(1)}
	add.Flags().String("fingerprint", "", "SHA-256 fingerprint of the key, as the server's administrator says it")
	_ = add.MarkFlagRequired("fingerprint")
	remote(add, func(cmd *cobra.Command, d *client.Client, args []string) error {
		fingerprint, _ := cmd.Flags().GetString("fingerprint")
		key, err := d.TrustHost(cmd.Context(), args[0], fingerprint)
		return printHostKeys(cmd, []wire.KnownHost{key}, err)
	})
	remove := &cobra.Command{Use: "remove HOST[:PORT]", Short: "Stops trusting the added keys of a server", Args: cobra.ExactArgs(1)}
	remote(remove, func(cmd *cobra.Command, d *client.Client, args []string) error {
		if err := d.RemoveKnownHost(cmd.Context(), args[0]); err != nil {
			return err
		}
		return done(cmd, map[string]string{"host": args[0], "status": "removed"}, "%s: its added keys are trusted no more", args[0])
	})
	return group("known-hosts", "Lists, scans and trusts SSH host keys", list, scan, add, remove)
}

func printHostKeys(cmd *cobra.Command, keys []wire.KnownHost, err error) error {
	switch {
	case err != nil:
		return err
	case asJSON(cmd):
		return printJSON(cmd.OutOrStdout(), keys)
	}
	return hostKeyTable(cmd.OutOrStdout(), keys)
}

func trusted(k wire.KnownHost) bool { return k.Trusted }

func hostKeyTable(out io.Writer, keys []wire.KnownHost) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HOST\tTYPE\tFINGERPRINT\tTRUSTED")
	for _, k := range keys {
		how := k.Source
		switch {
		case how == "" && k.Trusted:
			how = "yes"
		case how == "":
			how = "no"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Host, k.Type, k.Fingerprint, how)
	}
	return w.Flush()
}
