package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "issuetrail",
		Short: "Links every commit and branch of your git hosts to the Jira issue it names",
		Long: "issuetrail links every commit and branch of your git hosts to the Jira issue it names.\n\n" +
			"serve, demo, check, explain, hook and key convert work alone. Every other command asks the running daemon,\n" +
			"over its control socket or with --server URL --token-file FILE.\n\n" +
			"Exit status: 0 done, 1 it failed, 2 wrong usage, 78 invalid config or key file.",
		Version:       versionText(),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return wrongUsage(cmd, err) })
	root.PersistentFlags().Bool("json", false, "print the result as JSON")
	root.AddCommand(
		serveCommand(), demoCommand(), checkCommand(), explainCommand(), versionCommand(), manCommand(),
		keyCommand(), knownHostsCommand(), repoCommand(), issueCommand(), relinkCommand(), tokenCommand(),
		hostCommand(), hookCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.RunE = needSubcommand
		case "help":
			c.Args = cobra.ArbitraryArgs
			c.PreRunE = helpTopic
		}
	}
	checkUsage(root)
	return root
}

// checkUsage makes wrong arguments, unknown subcommands and missing flags of a command
// and of those below it exit with 2, and say how it is used.
func checkUsage(c *cobra.Command) {
	args := c.Args
	if args == nil {
		args = cobra.NoArgs
	}
	c.Args = func(cmd *cobra.Command, given []string) error {
		err := args(cmd, given)
		switch {
		case err != nil && cmd.HasSubCommands():
			return usage(unknownCommand(cmd, given[0]))
		case err != nil && len(cmd.ValidArgs) > 0 && len(given) == 1: // its number is right
			err = fmt.Errorf("%s: %q is none of %s", cmd.CommandPath(), given[0], strings.Join(cmd.ValidArgs, ", "))
		case err != nil:
			err = fmt.Errorf("%s: wrong number of arguments", cmd.CommandPath())
		case err == nil:
			err = errors.Join(cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups())
		}
		if err != nil {
			return wrongUsage(cmd, err)
		}
		return nil
	}
	for _, sub := range c.Commands() {
		checkUsage(sub)
	}
}

// unknownCommand says which command may have been meant, or which there are.
func unknownCommand(c *cobra.Command, word string) error {
	c.SuggestionsMinimumDistance = 2
	hint := "see: " + c.CommandPath() + " --help"
	if near := c.SuggestionsFor(word); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return hinted(fmt.Errorf("there is no command %q", c.CommandPath()+" "+word), hint)
}

// helpTopic refuses to help with a command that does not exist.
func helpTopic(cmd *cobra.Command, words []string) error {
	c, rest, err := cmd.Root().Find(words)
	if err == nil && len(rest) > 0 {
		err = unknownCommand(c, rest[0])
	}
	if err != nil {
		return usage(err)
	}
	return nil
}

// group is a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, RunE: needSubcommand}
	c.AddCommand(subs...)
	return c
}

func needSubcommand(cmd *cobra.Command, _ []string) error {
	names := []string{}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return wrongUsage(cmd, fmt.Errorf("which one? %s", strings.Join(names, ", ")))
}

func usage(err error) error { return &exitError{exitUsage, err} }

// wrongUsage is usage with the right one.
func wrongUsage(cmd *cobra.Command, err error) error {
	line := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	if cmd.HasSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
	}
	return usage(fmt.Errorf("%w\nusage: %s   (more: %s --help)", err, line, cmd.CommandPath()))
}

// hinted adds to an error what mends it.
func hinted(err error, hint string) error {
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w\nhint: %s", err, hint)
}

// A choice is the value of a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

// oneOf gives a command such a flag. Its value is "" or def until the user sets it.
func oneOf(c *cobra.Command, flag, def, help string, words ...string) *choice {
	v := &choice{def, words}
	c.Flags().Var(v, flag, help)
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	return v
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return errors.New("want " + strings.Join(c.words, " or "))
	}
	c.value = s
	return nil
}

// asJSON says whether the user wants JSON.
func asJSON(cmd *cobra.Command) bool {
	v, _ := cmd.Flags().GetBool("json")
	return v
}

// printJSON writes v, indented, with a line break.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// done prints what a command without a result of its own did: v as JSON, or the text.
func done(cmd *cobra.Command, v any, format string, args ...any) error {
	if asJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), v)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}
