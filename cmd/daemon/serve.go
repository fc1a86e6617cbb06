package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	stdsync "sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/labstack/echo/v4"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"issuetrail/internal/api"
	"issuetrail/internal/config"
)

// serveCommand is `issuetrail serve`.
func serveCommand() *cobra.Command {
	c := &cobra.Command{Use: "serve", Short: "Runs the daemon: HTTP server, schedules, sync workers"}
	level := zapcore.InfoLevel
	c.Flags().TextVar(&level, "log-level", level, "debug, info, warn or error")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		syscall.Umask(0o077)
		log := newLogger(level)
		defer func() { _ = log.Sync() }()
		path := configPath(cmd)
		cfg, err := loadConfig(path)
		if err != nil {
			return err
		}
		a, err := newApp(cmd.Context(), cfg, path, log)
		if err != nil {
			return err
		}
		defer a.close()
		return a.run(cmd.Context(), nil)
	}
	return withConfig(c)
}

// newLogger writes JSON lines on stderr: values are escaped, so that no commit or
// delivery can forge a line.
func newLogger(level zapcore.Level) *zap.Logger {
	c := zap.NewProductionConfig()
	c.Level = zap.NewAtomicLevelAt(level)
	c.Sampling = nil
	c.DisableCaller, c.DisableStacktrace = true, true
	c.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncoderConfig.TimeKey = "time"
	log, err := c.Build()
	if err != nil {
		return zap.NewNop()
	}
	return log
}

// A door is a server with its listener.
type door struct {
	server *http.Server
	listen net.Listener
}

// doors opens the addresses of the config: the main one, the control socket and
// the one for webhooks alone.
func (a *app) doors() (_ []door, err error) {
	s := a.cfg.Load().Server
	var doors []door
	defer func() {
		if err != nil {
			for _, d := range doors {
				_ = d.listen.Close()
			}
		}
	}()
	open := func(l net.Listener, h http.Handler) *http.Server {
		server := newServer(h, a.log)
		doors = append(doors, door{server, l})
		return server
	}
	control, err := listenControl(s.ControlSocket)
	if err != nil {
		return nil, err
	}
	main := a.router()
	open(control, main).ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return api.Trust(ctx) }
	l, err := listenTCP(s.Listen, s)
	if err != nil {
		return nil, err
	}
	open(l, main)
	if s.WebhookListen != "" {
		l, err := listenTCP(s.WebhookListen, s)
		if err != nil {
			return nil, err
		}
		e := newEcho(s.TrustedProxies, a.log)
		e.HTTPErrorHandler = api.ErrorHandler(a.log)
		a.webhook.Register(e)
		open(l, e)
	}
	return doors, nil
}

// router is what the main address and the control socket serve.
func (a *app) router() http.Handler {
	e := newEcho(a.cfg.Load().Server.TrustedProxies, a.log)
	a.routes(e)
	return e
}

// routes adds everything that the daemon answers.
func (a *app) routes(e *echo.Echo) {
	a.api.Register(e)
	a.webhook.Register(e)
	e.GET("/metrics", a.metrics())
}

// run serves until ctx is done, then stops: no new requests, requests under way
// finish (10 s), syncs are given back to the queue (15 s). ready, unless nil, gets the
// address of the main listener.
func (a *app) run(ctx context.Context, ready func(net.Addr)) error {
	cfg := a.cfg.Load()
	token, err := api.EnsureAdminToken(ctx, a.store, cfg.DataDir)
	if err != nil {
		return err
	}
	if token != "" {
		a.log.Info("made an admin token for the API", zap.String("file", token))
	}
	a.sayKey(ctx)
	doors, err := a.doors()
	if err != nil {
		return err
	}
	address := doors[1].listen.Addr()
	a.address.Store(&address)
	failed := make(chan error, len(doors))
	var servers []*http.Server
	for _, d := range doors {
		servers = append(servers, d.server)
		go serveUntil(d.server, d.listen, failed)
	}
	work, stopWork := context.WithCancel(context.Background())
	defer stopWork()
	var background stdsync.WaitGroup
	var syncErr error
	background.Go(func() { syncErr = a.runner.Run(work) })
	background.Go(func() { a.housekeeping(work) })
	background.Go(func() { a.listen(work) })
	background.Go(func() { a.watch.run(work) })
	background.Go(func() { a.reloadOnSignal(work) })
	background.Go(func() { watchdog(work, a.store.Ping, a.runner.LastTick, a.log) })
	a.log.Info("ready", zap.Stringer("listen", doors[1].listen.Addr()), zap.String("control_socket", cfg.Server.ControlSocket),
		zap.String("version", version))
	notify(daemon.SdNotifyReady)
	if ready != nil {
		ready(doors[1].listen.Addr())
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	notify(daemon.SdNotifyStopping)
	a.log.Info("stopping", zap.Error(err))
	stopWork() // syncs stop while requests finish
	shutdown(servers, 10*time.Second)
	background.Wait()
	return errors.Join(err, syncErr)
}

// sayKey logs which key is in use, or how to make one.
func (a *app) sayKey(ctx context.Context) {
	info, err := a.ring.Info(ctx)
	if err != nil {
		a.log.Warn("no usable SSH key; repositories wait for one", zap.Error(err), zap.String("hint", "issuetrail key generate"))
		return
	}
	a.log.Info("shared SSH key", zap.String("fingerprint", info.Fingerprint), zap.Int("bits", info.Bits))
	if info.Warning != "" {
		a.log.Warn("shared SSH key", zap.String("warning", info.Warning))
	}
}

// reloadOnSignal reloads the config on each SIGHUP.
func (a *app) reloadOnSignal(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.hup:
		}
		notify(daemon.SdNotifyReloading)
		if err := a.reload(ctx); err != nil {
			a.reloads.failed.Add(1)
			a.log.Error("reload: the old config stays in force", zap.Error(err))
		} else {
			a.reloads.done.Add(1)
			a.log.Info("reloaded", zap.String("config", a.path))
		}
		notify(daemon.SdNotifyReady)
	}
}

// reload puts a changed config into force; a bad one changes nothing.
func (a *app) reload(ctx context.Context) error {
	if a.path == "" {
		return errors.New("there is no config file")
	}
	next, err := loadConfig(a.path)
	if err != nil {
		return err
	}
	dir, err := newDirectory(next, a.log)
	if err != nil {
		return err
	}
	specs, err := repoSpecs(next, dir)
	if err != nil {
		return err
	}
	old := a.cfg.Load()
	if keys := config.NeedsRestart(old, next); len(keys) > 0 {
		a.log.Warn("these changes need a restart", zap.Strings("keys", keys))
	}
	if err := a.known.Reload(ctx); err != nil {
		return fmt.Errorf("known hosts: %w", err)
	}
	if err := a.ring.Reload(ctx); err != nil {
		a.log.Warn("the key could not be read again; the one in use stays", zap.Error(err))
	}
	if err := a.runner.SetOptions(syncOptions(next)); err != nil {
		return err
	}
	a.directory.Store(dir)
	a.cfg.Store(next)
	if err := a.store.DeclareRepos(ctx, specs); err != nil {
		return fmt.Errorf("the new config is in force but for its repositories: %w", err)
	}
	a.runner.Poke()
	a.relisten()
	return nil
}
