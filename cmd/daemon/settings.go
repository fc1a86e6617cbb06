package main

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
	"issuetrail/internal/sync"
)

// packagedConfig is where a package puts the config.
const packagedConfig = "/etc/issuetrail/config.yaml"

// withConfig gives a command the flag --config.
func withConfig(c *cobra.Command) *cobra.Command {
	c.Flags().String("config", "", "config file (default $ISSUETRAIL_CONFIG, ./config.yaml if it exists, "+packagedConfig+")")
	return c
}

// errNoConfig is in the chain when nobody named a config file and none is in the usual places.
var errNoConfig = errors.New("there is no config file: no --config, no $ISSUETRAIL_CONFIG, no ./config.yaml, no " + packagedConfig)

// configPath is the config file that the user means; "" = there is none.
func configPath(cmd *cobra.Command) string {
	if path, _ := cmd.Flags().GetString("config"); path != "" {
		return path
	}
	if path := os.Getenv("ISSUETRAIL_CONFIG"); path != "" {
		return path
	}
	for _, path := range []string{"config.yaml", packagedConfig} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
	return ""
}

// loadConfig reads and checks the config. Its error exits with 78.
func loadConfig(path string) (*config.Config, error) {
	if path == "" {
		return nil, &exitError{exitConfig, hinted(errNoConfig, "make one from config.example.yaml, or name it: --config FILE")}
	}
	cfg, err := config.Load(path, config.Checks{
		Kinds:    hosts.Kinds(),
		Streams:  streamKinds(),
		Web:      hosts.DefaultWeb,
		Template: model.CheckTemplate,
		Schedule: sync.CheckSchedule,
		URL: func(url string) error {
			_, err := model.ParseAddress(url)
			return err
		},
		Key: addressKey,
	})
	if err == nil {
		err = syncOptions(cfg).Check()
	}
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	return cfg, nil
}

// streamKinds are the kinds of host that tell of pushes over SSH, too.
func streamKinds() []string {
	return slices.DeleteFunc(hosts.Kinds(), func(kind string) bool { return hosts.StreamCommand(kind) == "" })
}

// addressKey is equal for all URLs of one repository, as far as the URL alone tells.
func addressKey(url string) string {
	a, err := model.ParseAddress(url)
	if err != nil {
		return url
	}
	return hosts.Identify(hosts.KindOf(a), a).Key
}

// syncOptions are the parts of the config that the room sync needs.
func syncOptions(cfg *config.Config) sync.Options {
	return sync.Options{
		Issues:   keyOptions(cfg),
		Include:  cfg.Sync.Refs.Include,
		Exclude:  cfg.Sync.Refs.Exclude,
		Schedule: cfg.Sync.Schedule,
		Workers:  cfg.Sync.Workers,
		PerHost:  cfg.Sync.PerHost,
		Timeout:  cfg.Sync.Timeout,
	}
}

// keyOptions are the parts of the config that decide what an issue key is.
func keyOptions(cfg *config.Config) issuekey.Options {
	o := issuekey.Options{Projects: cfg.Issues.Projects, Aliases: cfg.Issues.Aliases}
	for _, site := range cfg.Jira {
		o.JiraBase = append(o.JiraBase, site.Site)
		if site.Kind == "datacenter" {
			o.DataCenter = true
		}
	}
	return o
}

// jiraURL is the page of an issue on the first site whose projects have it, or "".
func jiraURL(cfg *config.Config, key model.IssueKey) string {
	for _, site := range cfg.Jira {
		if len(site.Projects) == 0 || slices.Contains(site.Projects, key.Project()) {
			return site.Site + "/browse/" + string(key)
		}
	}
	return ""
}
