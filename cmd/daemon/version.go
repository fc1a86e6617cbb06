package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"issuetrail/internal/api/wire"
)

// version and commit are set by the build: -ldflags "-X main.version=… -X main.commit=…".
var (
	version = "dev"
	commit  = ""
)

// build tells what this program was built from.
func build() wire.Version {
	v := wire.Version{Version: version, Commit: commit, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v.Commit == "" {
			v.Commit = s.Value
		}
	}
	for _, d := range info.Deps {
		if d.Path == "github.com/go-git/go-git/v5" {
			v.GoGit = d.Version
		}
	}
	return v
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Shows the versions of issuetrail, Go and go-git", RunE: func(cmd *cobra.Command, _ []string) error {
		v := build()
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), v)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "issuetrail %s", v.Version)
		if v.Commit != "" {
			fmt.Fprintf(cmd.OutOrStdout(), " (%s)", v.Commit)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "\n%s, go-git %s\n", v.Go, v.GoGit)
		return nil
	}}
}

// manCommand writes the manual pages, one for each command.
func manCommand() *cobra.Command {
	return &cobra.Command{Use: "man DIR", Short: "Writes the manual pages into DIR", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		root.DisableAutoGenTag = true
		header := &doc.GenManHeader{Title: "ISSUETRAIL", Section: "1", Source: "issuetrail " + version, Manual: "issuetrail"}
		if err := doc.GenManTree(root, header, args[0]); err != nil {
			return fmt.Errorf("manual pages: %w", err)
		}
		return nil
	}}
}
