package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	stdsync "sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/api"
	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/keystore"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
	"issuetrail/internal/store"
	"issuetrail/internal/sync"
	"issuetrail/internal/webhook"
)

// An app is the whole daemon: every room, wired.
type app struct {
	log       *zap.Logger
	path      string // of the config; "" for the demo
	cfg       atomic.Pointer[config.Config]
	directory atomic.Pointer[directory]

	store   *store.Store
	ring    *keystore.Keyring
	known   *keystore.KnownHosts
	pool    *mirror.Pool
	runner  *sync.Runner
	webhook *webhook.Handler
	watch   *keyWatch
	api     *api.API
	reloads reloadCounts
	hup     chan os.Signal // SIGHUP, caught from the start on: uncaught it would end the process

	address    atomic.Pointer[net.Addr] // of the main listener, once there is one
	redirected chan struct{}            // has something in it when the hosts may have changed
	listeners  stdsync.Map              // stream → *webhook.Listener
}

// newApp opens the database and wires the rooms. The caller must close it.
func newApp(ctx context.Context, cfg *config.Config, path string, log *zap.Logger) (_ *app, err error) {
	a := &app{log: log, path: path, hup: make(chan os.Signal, 1), redirected: make(chan struct{}, 1)}
	signal.Notify(a.hup, syscall.SIGHUP)
	a.cfg.Store(cfg)
	dir, err := newDirectory(cfg, log)
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	a.directory.Store(dir)
	specs, err := repoSpecs(cfg, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if err := a.openStore(ctx, cfg); err != nil {
		return nil, err
	}
	if err := a.openKeys(ctx, cfg); err != nil {
		return nil, err
	}
	tmp, err := emptyFolder(filepath.Join(cfg.DataDir, "tmp"))
	if err != nil {
		return nil, err
	}
	a.pool = mirror.NewPool(mirror.Options{
		Keys: a.ring, HostKeys: a.known, TempDir: tmp,
		Allow:     func() []netip.Prefix { return a.directory.Load().allow },
		AllowSHA1: func(hostport string) bool { return a.directory.Load().allowSHA1(hostport) },
		HTTPS:     func(to model.Address) (mirror.HTTPSOptions, error) { return a.directory.Load().https(to) },
		StandIn:   a.standIn,
	})
	a.runner, err = sync.New(sync.Parts{
		Node: nodeName(), Queue: a.store, Planner: a.store, Ledger: a.store, Relinker: a.store, Mover: a.store,
		History: history{a.pool, a.advised}, Log: log.Named("sync"),
	}, syncOptions(cfg))
	if err != nil {
		return nil, &exitError{exitConfig, err}
	}
	if err := a.store.DeclareRepos(ctx, specs); err != nil {
		return nil, err
	}
	a.webhook = webhook.New(webhook.Options{
		Hosts: func(name string) (hosts.Host, hosts.Secret, bool) { return a.directory.Load().webhook(name) },
		Inbox: a.store, Log: log.Named("webhook"),
	})
	a.watch = a.keyWatch()
	a.api = api.New(a.apiOptions())
	return a, nil
}

func (a *app) openStore(ctx context.Context, cfg *config.Config) (err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return &exitError{exitConfig, fmt.Errorf("data_dir: %w", err)}
	}
	if info, err := os.Stat(cfg.DataDir); err == nil && info.Mode().Perm()&0o022 != 0 {
		a.log.Warn("others can write into data_dir and so replace the database and the key; run: chmod 700",
			zap.String("data_dir", cfg.DataDir), zap.Stringer("mode", info.Mode().Perm()))
	}
	a.store, err = store.Open(ctx, store.Options{
		URL: cfg.Database.URL, DataDir: cfg.DataDir, Log: a.log.Named("store"),
		Identify: func(host string, to model.Address) model.Identity { return a.directory.Load().identify(host, to) },
		Belongs:  func(host string, to model.Address) string { return a.directory.Load().belongs(host, to) },
		Moved:    func(r model.Repo, name string) string { return a.directory.Load().moved(r, name) },
		PullRequestKeys: func(r model.Repo, p model.PullRequest) []model.IssueKey {
			return a.runner.PullRequestKeys(r, p) // nothing is accepted or linked before the runner is there
		},
	})
	if errors.Is(err, store.ErrSchemaNewer) {
		return &exitError{exitConfig, err}
	}
	return err
}

// openKeys opens the shared key and the known hosts. A key file that cannot serve is
// a mistake of the config; no key at all is not.
func (a *app) openKeys(ctx context.Context, cfg *config.Config) (err error) {
	a.ring, err = keystore.Open(ctx, keystore.Options{
		Vault: a.store, File: cfg.Key.File, PassphraseFile: cfg.Key.PassphraseFile,
		MasterKeyFile: cfg.Key.MasterKeyFile, DataDir: cfg.DataDir,
	})
	if _, bad := errors.AsType[*keystore.KeyError](err); bad {
		return &exitError{exitConfig, err}
	}
	if err != nil {
		return err
	}
	a.known, err = keystore.NewKnownHosts(ctx, keystore.KnownHostsOptions{Trust: a.store, File: cfg.KnownHostsFile})
	if err != nil && cfg.KnownHostsFile != "" {
		return &exitError{exitConfig, err}
	}
	return err
}

func (a *app) apiOptions() api.Options {
	return api.Options{
		Issues: issues{a.store, func() bool { return a.cfg.Load().Issues.Unreachable == "keep" }},
		Repos:  a.store, RepoEdits: a.store, RepoLinks: a.store, Jobs: a.store, Deliveries: a.store,
		Tokens: a.store, Database: a.store, HostKeys: hostKeys{a.known, a.pool, a.retry},
		Keys: keys{a.ring, a.retry, a.watch.rouse}, KeyWatch: a.watch, Tester: tester{a.pool, a.advised, a.watch.remember},
		Relinker: relinker{a.runner}, Hosts: hostBook{a},
		Links:         func(r model.Repo) model.Links { return a.directory.Load().links(r) },
		JiraURL:       func(key model.IssueKey) string { return jiraURL(a.cfg.Load(), key) },
		CheckSchedule: sync.CheckSchedule, NextRuns: a.runner.NextRuns,
		ResolveHost: func(name string, to model.Address) (string, error) {
			return a.directory.Load().resolve(name, to)
		},
		AddressAllowed: func(to model.Address) error { return mirror.Allowed(to, a.directory.Load().allow) },
		Defaults: func() (string, model.Mirror) {
			s := a.cfg.Load().Sync
			return s.Schedule, model.Mirror(s.Mirror)
		},
		Changed:   func(model.Repo) { a.runner.Poke() },
		ErrCursor: store.ErrCursor,
		Version:   build(),
		Log:       a.log.Named("api"),
	}
}

// retry queues the failed repositories that somebody just mended the cause of. It
// is a help only: what it cannot queue waits for the schedule.
func (a *app) retry(ctx context.Context, mended func(model.RepoStatus) bool) {
	for cursor := ""; ; {
		repos, next, err := a.store.RepoStatuses(ctx, 1000, cursor)
		for _, r := range repos {
			if err == nil && !r.Suspended && r.LastFailure != nil && mended(r) {
				err = a.store.Enqueue(ctx, model.Request{RepoID: r.ID, Priority: model.PriorityManual, Fetch: true})
			}
		}
		if err != nil {
			a.log.Warn("queue the failed repositories again", zap.Error(err))
			return
		}
		if next == "" {
			return
		}
		cursor = next
	}
}

// close ends what newApp opened, in reverse order.
func (a *app) close() {
	signal.Stop(a.hup)
	if a.pool != nil {
		if err := a.pool.Close(); err != nil {
			a.log.Warn("close SSH connections", zap.Error(err))
		}
	}
	if a.store != nil {
		if err := a.store.Close(); err != nil {
			a.log.Error("close the database", zap.Error(err))
		}
	}
}

// keepDeliveries is how long the delivery log goes back.
const keepDeliveries = 14 * 24 * time.Hour

// housekeeping prunes the delivery log each hour, and looks often for host keys that
// another node added.
func (a *app) housekeeping(ctx context.Context) {
	prune, reload := time.NewTicker(time.Hour), time.NewTicker(10*time.Second)
	defer prune.Stop()
	defer reload.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-prune.C:
			err = a.store.PruneDeliveries(ctx, time.Now().Add(-keepDeliveries))
		case <-reload.C:
			if a.cfg.Load().KnownHostsFile == "" {
				err = a.known.Reload(ctx)
			}
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("housekeeping", zap.Error(err))
		}
	}
}

// emptyFolder makes a private folder and removes what a killed daemon left in it.
func emptyFolder(path string) (string, error) {
	if err := os.RemoveAll(path); err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	return path, nil
}

// nodeName is unique among daemons, also among those of one machine and those that
// follow each other.
func nodeName() string {
	name, err := os.Hostname()
	if err != nil {
		name = "node"
	}
	var b [4]byte
	_, _ = rand.Read(b[:])
	return name + "-" + hex.EncodeToString(b[:])
}
