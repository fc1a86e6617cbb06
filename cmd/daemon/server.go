package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.uber.org/zap"

	"issuetrail/internal/config"
)

// newEcho makes an echo that believes X-Forwarded-For from the trusted proxies alone,
// and answers 500 where a handler panics.
func newEcho(trusted []netip.Prefix, log *zap.Logger) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			log.Error("a request panicked", zap.String("route", c.Path()), zap.Error(err), zap.ByteString("stack", stack))
			return err
		},
	}))
	e.IPExtractor = echo.ExtractIPDirect()
	if len(trusted) > 0 {
		options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
		for _, p := range trusted {
			_, network, err := net.ParseCIDR(p.Masked().String())
			if err == nil {
				options = append(options, echo.TrustIPRange(network))
			}
		}
		e.IPExtractor = echo.ExtractIPFromXFFHeader(options...)
	}
	return e
}

// newServer makes an HTTP server with the time limits that echo does not set.
func newServer(h http.Handler, log *zap.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // a connection test may take its time
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          zap.NewStdLog(log.Named("http").WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}
}

// listenTCP listens on addr, over TLS when the config names certificate and key.
func listenTCP(addr string, s config.Server) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, hinted(fmt.Errorf("listen: %w", err), "set another address: server.listen or server.webhook_listen")
	}
	l = limitConns(l, maxConnsAddress, s.TrustedProxies)
	if s.TLS.CertFile == "" {
		return l, nil
	}
	certs := &certificate{certFile: s.TLS.CertFile, keyFile: s.TLS.KeyFile}
	if err := certs.load(); err != nil {
		_ = l.Close()
		return nil, &exitError{exitConfig, err}
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get, NextProtos: []string{"h2", "http/1.1"}}), nil
}

// listenControl listens on the control socket, mode 0660. Only a socket that
// nobody answers on any more is replaced.
func listenControl(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("control socket %s: another daemon answers on it", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		_ = os.Remove(path)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, hinted(fmt.Errorf("control socket: %w", err), "set server.control_socket")
	}
	if err := os.Chmod(path, 0o660); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// serveUntil runs a server on a listener and reports what ended it, except Shutdown.
func serveUntil(s *http.Server, l net.Listener, failed chan<- error) {
	if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		failed <- fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
}

// shutdown lets requests under way finish, for the given time at most.
func shutdown(servers []*http.Server, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	}
}
