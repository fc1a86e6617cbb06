package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"issuetrail/internal/config"
	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// An explanation is what `issuetrail explain --json` prints.
type explanation struct {
	Keys       []model.IssueKey `json:"keys"`
	Candidates []candidate      `json:"candidates"`
}

type candidate struct {
	Text   string         `json:"text"`
	Key    model.IssueKey `json:"key"`
	Taken  bool           `json:"taken"`
	Reason string         `json:"reason"`
}

// explainCommand is `issuetrail explain TEXT`. It works without a daemon, and
// without a config by the strict rules.
func explainCommand() *cobra.Command {
	c := &cobra.Command{Use: "explain TEXT", Short: "Says which issue keys TEXT names, and why", Args: cobra.MinimumNArgs(1)}
	c.Flags().Bool("branch", false, "TEXT is the name of a branch, not a commit message")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		var o issuekey.Options
		cfg, err := loadConfig(configPath(cmd))
		switch {
		case err == nil:
			o = keyOptions(cfg)
		case !errors.Is(err, errNoConfig):
			return err
		}
		kind := issuekey.Message
		if branch, _ := cmd.Flags().GetBool("branch"); branch {
			kind = issuekey.Branch
		}
		e := explain(issuekey.New(o), strings.Join(args, " "), kind)
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), e)
		}
		return printExplanation(cmd, e, cfg)
	}
	return withConfig(c)
}

func explain(rules *issuekey.Rules, text string, kind issuekey.Kind) explanation {
	e := explanation{Keys: []model.IssueKey{}, Candidates: []candidate{}}
	e.Keys = append(e.Keys, rules.FindString(text, kind)...)
	for _, c := range rules.Explain([]byte(text), kind) {
		e.Candidates = append(e.Candidates, candidate(c))
	}
	return e
}

func printExplanation(cmd *cobra.Command, e explanation, cfg *config.Config) error {
	out := cmd.OutOrStdout()
	if cfg == nil || len(cfg.Issues.Projects) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "By the strict rules, for no list of projects is given (issues.projects of the config).")
	}
	if len(e.Candidates) == 0 {
		fmt.Fprintln(out, "nothing in the text looks like an issue key")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, c := range e.Candidates {
		what := "no"
		if c.Taken {
			what = string(c.Key)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", plain(c.Text), what, c.Reason)
	}
	return w.Flush()
}
