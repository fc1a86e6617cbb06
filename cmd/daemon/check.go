package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/config"
	"issuetrail/internal/keystore"
)

// A checkResult is what `issuetrail check --json` prints.
type checkResult struct {
	Config       string            `json:"config"`
	OK           bool              `json:"ok"`
	Key          string            `json:"key"` // fingerprint, or where it is managed
	Repositories []repositoryCheck `json:"repositories,omitempty"`
}

type repositoryCheck struct {
	URL string `json:"url"`
	wire.TestResult
}

// checkCommand is `issuetrail check [--connect]`.
func checkCommand() *cobra.Command {
	c := &cobra.Command{Use: "check", Short: "Validates the config, the key and the modes of secret files"}
	c.Flags().Bool("connect", false, "also have the running daemon reach every repository")
	c.Flags().String("socket", "", "control socket of the daemon, for --connect (default: that of the config, "+socketPaths[0]+")")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		path := configPath(cmd)
		cfg, err := loadConfig(path)
		if err != nil {
			return err
		}
		res := checkResult{Config: path, OK: true}
		if res.Key, err = checkFiles(cmd, cfg); err != nil {
			return &exitError{exitConfig, err}
		}
		if connect, _ := cmd.Flags().GetBool("connect"); connect {
			if err := checkConnections(cmd, cfg, &res); err != nil {
				return err
			}
		}
		return printCheck(cmd, res)
	}
	return withConfig(c)
}

// checkFiles reads the secrets and, where the config names one, the key.
func checkFiles(cmd *cobra.Command, cfg *config.Config) (key string, err error) {
	dir, err := newDirectory(cfg, zap.NewNop())
	if err == nil {
		_, err = repoSpecs(cfg, dir)
	}
	if err != nil {
		return "", err
	}
	if cfg.KnownHostsFile != "" {
		if _, err := keystore.NewKnownHosts(cmd.Context(), keystore.KnownHostsOptions{File: cfg.KnownHostsFile}); err != nil {
			return "", err
		}
	}
	if tls := cfg.Server.TLS; tls.CertFile != "" {
		if err := (&certificate{certFile: tls.CertFile, keyFile: tls.KeyFile}).load(); err != nil {
			return "", err
		}
	}
	if cfg.Key.File == "" {
		return "managed by the daemon", nil
	}
	ring, err := keystore.Open(cmd.Context(), keystore.Options{File: cfg.Key.File, PassphraseFile: cfg.Key.PassphraseFile, DataDir: cfg.DataDir})
	if err != nil {
		return "", err
	}
	info, err := ring.Info(cmd.Context())
	if err != nil {
		return "", err
	}
	return info.Fingerprint, nil
}

// checkConnections has the daemon try every repository that is not suspended, and
// those of the config that it does not know yet.
func checkConnections(cmd *cobra.Command, cfg *config.Config, res *checkResult) error {
	socket, _ := cmd.Flags().GetString("socket")
	paths := []string{socket}
	if socket == "" {
		// Under systemd the daemon's socket is elsewhere than this environment says.
		paths = []string{cfg.Server.ControlSocket, socketPaths[0]}
	}
	socket, err := findSocket(paths)
	if err != nil {
		return err
	}
	d, err := client.New(client.Options{Socket: socket})
	if err != nil {
		return err
	}
	defer d.Close()
	urls, err := urlsToTry(cmd.Context(), d, cfg)
	if err != nil {
		return explainProblem(err)
	}
	bar := newProgress(cmd.ErrOrStderr())
	defer bar.end()
	for _, url := range urls {
		bar.say("trying " + shownURL(url))
		test, err := d.TestConnection(cmd.Context(), url)
		if err != nil {
			return explainProblem(err)
		}
		res.OK = res.OK && test.OK
		res.Repositories = append(res.Repositories, repositoryCheck{URL: url, TestResult: test})
	}
	return nil
}

// urlsToTry are the repositories that the daemon syncs, then those that only the config has.
// One that has moved stands in the config with its old address, which the daemon still knows.
func urlsToTry(ctx context.Context, d *client.Client, cfg *config.Config) (urls []string, err error) {
	seen := map[string]bool{}
	for r, err := range d.Repositories(ctx) {
		if err != nil {
			return nil, err
		}
		seen[addressKey(r.URL)] = true
		if !r.Suspended {
			urls = append(urls, r.URL)
		}
	}
	for _, r := range cfg.Repositories {
		if seen[addressKey(r.URL)] {
			continue
		}
		var p *wire.Problem
		switch _, err := d.FindRepository(ctx, r.URL); {
		case errors.As(err, &p) && p.Status == http.StatusNotFound:
			urls = append(urls, r.URL)
		case err != nil:
			return nil, err
		}
	}
	return urls, nil
}

func printCheck(cmd *cobra.Command, res checkResult) error {
	out := cmd.OutOrStdout()
	if asJSON(cmd) {
		if err := printJSON(out, res); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "%s is valid; key: %s\n", res.Config, res.Key)
		for _, r := range res.Repositories {
			if r.OK {
				fmt.Fprintf(out, "ok      %s: %s\n", r.URL, count(r.Refs, "ref"))
				continue
			}
			fmt.Fprintf(out, "failed  %s: %s: %s\n", r.URL, r.Code, plain(r.Detail))
			if err := printSteps(out, r.Steps); err != nil {
				return err
			}
			if r.Hint != "" {
				fmt.Fprintf(out, "        hint: %s\n", plain(r.Hint))
			}
		}
	}
	if !res.OK {
		return errors.New("not every repository can be reached")
	}
	return nil
}
