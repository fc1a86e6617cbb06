package main

import (
	"fmt"
	"os"
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
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), build())
		}
		fmt.Fprintln(cmd.OutOrStdout(), versionText())
		return nil
	}}
}

// versionText is the version for people.
func versionText() string {
	v := build()
	if v.Commit != "" {
		v.Version += " (" + v.Commit + ")"
	}
	return fmt.Sprintf("issuetrail %s\n%s, go-git %s", v.Version, v.Go, v.GoGit)
}

// manCommand writes the manual pages, one for each command.
func manCommand() *cobra.Command {
	return &cobra.Command{Use: "man DIR", Short: "Writes the manual pages into DIR", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		if err := os.MkdirAll(args[0], 0o755); err != nil {
			return fmt.Errorf("manual pages: %w", err)
		}
		root := cmd.Root()
		root.DisableAutoGenTag = true
		header := &doc.GenManHeader{Section: "1", Source: "issuetrail " + version, Manual: "issuetrail"}
		if err := doc.GenManTree(root, header, args[0]); err != nil {
			return fmt.Errorf("manual pages: %w", err)
		}
		return nil
	}}
}
