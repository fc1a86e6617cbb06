package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
)

// knownHostsCommand is `issuetrail known-hosts list|scan|add|import|remove`.
func knownHostsCommand() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "Lists the host keys that are trusted"}
	remote(list, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		keys, err := d.KnownHosts(cmd.Context())
		return printHostKeys(cmd, keys, err)
	})
	scan := &cobra.Command{Use: "scan HOST[:PORT]", Short: "Shows the host keys that a server offers; trusts none", Args: cobra.ExactArgs(1)}
	remote(scan, func(cmd *cobra.Command, d *client.Client, args []string) error {
		keys, err := d.ScanHost(cmd.Context(), args[0])
		if err := printHostKeys(cmd, keys, err); err != nil || asJSON(cmd) {
			return err
		}
		fmt.Fprint(cmd.ErrOrStderr(), trustWords(keys))
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
	remove := &cobra.Command{
		Use: "remove HOST[:PORT]", Short: "Stops trusting the added keys of a server", Args: cobra.ExactArgs(1),
		Long: "Stops trusting the keys that were added or imported for a server, hashed lines of it too. Built-in keys stay.\n" +
			"An imported line with patterns or a marker is named as the list shows it: known-hosts remove '@revoked *'",
	}
	remote(remove, func(cmd *cobra.Command, d *client.Client, args []string) error {
		if err := d.RemoveKnownHost(cmd.Context(), args[0]); err != nil {
			return err
		}
		return done(cmd, map[string]string{"host": args[0], "status": "removed"}, "%s: its added keys are trusted no more", args[0])
	})
	load := &cobra.Command{
		Use: "import FILE|-", Short: "Trusts the lines of an OpenSSH known_hosts file", Args: cobra.ExactArgs(1),
		Long: "Trusts the lines of an OpenSSH known_hosts file: hashed names, patterns, @revoked and @cert-authority too.\n" +
			"No key takes the place of another that is trusted; each line that is left out is named, with the reason.",
	}
	remote(load, func(cmd *cobra.Command, d *client.Client, args []string) error {
		text, err := readHosts(cmd.InOrStdin(), args[0])
		if err != nil {
			return err
		}
		done, err := d.ImportKnownHosts(cmd.Context(), text)
		switch {
		case err != nil:
			return err
		case asJSON(cmd):
			return printJSON(cmd.OutOrStdout(), done)
		}
		return importedHosts(cmd.OutOrStdout(), done)
	})
	return group("known-hosts", "Lists, scans and trusts SSH host keys", list, scan, add, load, remove)
}

// maxHosts bounds a known_hosts file that is imported, in bytes: the API takes 4 MiB with the JSON around it.
const maxHosts = 3 << 20

// readHosts reads a known_hosts file, or standard input for "-".
func readHosts(stdin io.Reader, name string) (string, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxHosts+1))
	if err == nil && len(text) > maxHosts {
		err = fmt.Errorf("%s is larger than %d bytes; import it in parts", name, maxHosts)
	}
	return string(text), err
}

// importedHosts says what became of each line.
func importedHosts(out io.Writer, done wire.HostImported) error {
	if len(done.Added) > 0 {
		if err := hostKeyTable(out, done.Added); err != nil {
			return err
		}
	}
	for _, l := range done.LeftOut {
		host := l.Host
		if host != "" {
			host = " (" + host + ")"
		}
		fmt.Fprintf(out, "line %d%s is left out: %s\n", l.Line, host, l.Reason)
	}
	_, err := fmt.Fprintf(out, "%d added, %d known already, %d left out\n", len(done.Added), len(done.Present), len(done.LeftOut))
	if err == nil && slices.ContainsFunc(done.Added, func(k wire.KnownHost) bool { return strings.HasPrefix(k.Host, "|") }) {
		_, err = fmt.Fprintln(out, "Hashed names are shown as they are: they count, and cannot be turned into names.")
	}
	return err
}

// trustWords say of keys that a server offers how those are trusted that are not.
func trustWords(keys []wire.KnownHost) string {
	var b strings.Builder
	for _, k := range keys {
		if !k.Trusted {
			fmt.Fprintf(&b, "  issuetrail known-hosts add %s --fingerprint %s\n", k.Host, k.Fingerprint)
		}
	}
	switch {
	case b.Len() == 0:
		return ""
	case slices.ContainsFunc(keys, trusted):
		return "\nOne key is trusted, and that is enough. To trust another, compare its fingerprint with what the server's administrator says, then:\n" + b.String()
	}
	return "\nCompare a fingerprint with what the server's administrator says, then trust that key; one is enough:\n" + b.String()
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
	fmt.Fprint(w, "HOST\tTYPE\tFINGERPRINT\tTRUSTED")
	since := slices.ContainsFunc(keys, func(k wire.KnownHost) bool { return k.SourceDate != "" || !k.AddedAt.IsZero() })
	if since {
		fmt.Fprint(w, "\tSINCE")
	}
	fmt.Fprintln(w)
	for _, k := range keys {
		how, day, host := k.Source, k.SourceDate, k.Host
		switch {
		case k.Marker == "revoked":
			how = "never (" + how + ")"
		case how == "" && k.Trusted:
			how = "yes"
		case how == "":
			how = "no"
		}
		if k.Marker != "" {
			host = "@" + k.Marker + " " + host
		}
		if !k.AddedAt.IsZero() {
			day = k.AddedAt.Format(time.DateOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s", host, k.Type, k.Fingerprint, how)
		if since {
			fmt.Fprint(w, "\t"+day)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
