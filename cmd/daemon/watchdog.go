package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// aliveWithin is how old the last proof of life may be for a watchdog ping.
const aliveWithin = 20 * time.Second

// notify tells systemd of a state, when it listens.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// watchdog pings systemd as long as the database takes writes and the scheduler
// ticks. A ping from a bare goroutine would hide a daemon that does nothing.
func watchdog(ctx context.Context, ping func(context.Context) error, lastTick func() time.Time, log *zap.Logger) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	ticker := time.NewTicker(every / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		limit, cancel := context.WithTimeout(ctx, every/3)
		err := ping(limit)
		cancel()
		switch {
		case err != nil:
			log.Warn("watchdog: the database does not take writes", zap.Error(err))
		case time.Since(lastTick()) > aliveWithin:
			log.Warn("watchdog: the scheduler stands still", zap.Time("last_tick", lastTick()))
		default:
			notify(daemon.SdNotifyWatchdog)
		}
	}
}
