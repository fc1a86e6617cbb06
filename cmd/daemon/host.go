package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/hosts"
)

// hostCommand is `issuetrail host list|guide`.
func hostCommand() *cobra.Command {
	return group("host", "Lists the git hosts of the config, and says how to connect each", hostList(), hostGuide())
}

func hostList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "Lists the git hosts of the config"}
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		list, err := d.Hosts(cmd.Context())
		if err != nil {
			return err
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), list)
		}
		if len(list) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "no hosts in the config; how to add one: issuetrail host guide "+strings.Join(hosts.Kinds(), "|"))
			return nil
		}
		return hostTable(cmd.OutOrStdout(), list)
	})
}

func hostTable(out io.Writer, list []wire.Host) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tSSH HOST\tWEB\tREPOSITORIES\tWEBHOOK")
	for _, h := range list {
		hook := h.WebhookURL
		if !h.WebhookSecret {
			hook = "no secret: none are accepted"
		}
		if h.StreamEvents != "" {
			hook += ", and events of " + h.StreamEvents
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", h.Name, h.Kind, orDash(h.SSHHost), orDash(h.WebURL), h.Repositories, hook)
	}
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func hostGuide() *cobra.Command {
	c := &cobra.Command{
		Use: "guide NAME", Short: "Says step by step how to connect a git host", Args: cobra.ExactArgs(1),
		Long: "Says step by step how to connect a git host: where the public key goes, where the webhook is set, and how to check both.\n\n" +
			"NAME is that of an entry of hosts in the config, or a kind of host that has none yet:\n" + strings.Join(hosts.Kinds(), ", ") + ".",
	}
	return remote(c, func(cmd *cobra.Command, d *client.Client, args []string) error {
		g, err := d.HostGuide(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), g)
		}
		printGuide(cmd.OutOrStdout(), g)
		return nil
	})
}

// guideWidth is how long a line of a step's text may be, in characters.
const guideWidth = 100

func printGuide(w io.Writer, g wire.HostGuide) {
	fmt.Fprintf(w, "%s (%s)\n", g.Name, g.Kind)
	for i, s := range g.Steps {
		fmt.Fprintf(w, "\n%d. %s\n", i+1, s.Title)
		for _, line := range wrapped(s.Text, guideWidth-3) {
			fmt.Fprintf(w, "   %s\n", line)
		}
		if s.Code == "" {
			continue
		}
		fmt.Fprintln(w)
		for line := range strings.SplitSeq(strings.TrimRight(s.Code, "\n"), "\n") {
			fmt.Fprintf(w, "     %s\n", line)
		}
	}
}

// wrapped cuts a text into lines between its words.
func wrapped(text string, width int) (lines []string) {
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
				lines = append(lines, line)
				line = ""
			}
			line = strings.TrimPrefix(line+" "+word, " ")
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
