package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// reloadCounts counts reloads of the config.
type reloadCounts struct{ done, failed atomic.Int64 }

// metrics is the handler of /metrics: what the rooms count, read at each scrape.
func (a *app) metrics() echo.HandlerFunc {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{a}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return echo.WrapHandler(promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 8, ErrorLog: zap.NewStdLog(a.log.Named("metrics"))}))
}

// A collector turns the snapshots of the rooms into metrics.
type collector struct{ a *app }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("issuetrail_"+name, help, labels, nil)
}

var (
	descBuild      = desc("build_info", "Always 1; the labels say what runs.", "version", "commit", "go")
	descDeliveries = desc("deliveries_total", "Webhook requests by host and what became of them.", "host", "outcome")
	descLatency    = desc("delivery_duration_seconds", "From the first line of a webhook request to its answer.")
	descSyncs      = desc("syncs_total", "Syncs by result: changed, unchanged, relinked, or the code of a failure.", "result")
	descSyncTime   = desc("sync_duration_seconds", "Time that syncs took.")
	descCommits    = desc("commits_received_total", "Commits received from servers.")
	descFound      = desc("links_found_total", "Issue keys found in new commits and branch names.")
	descRunning    = desc("syncs_running", "Syncs that run on this node.")
	descOpen       = desc("hosts_unreachable", "SSH servers that are kept away from because they could not be reached.")
	descTick       = desc("scheduler_last_tick_seconds", "Unix time at which the scheduler last went round.")
	descJobs       = desc("jobs", "Jobs in the queue.", "state")
	descOldest     = desc("job_oldest_waiting_seconds", "Age of the oldest job that is due.")
	descRepos      = desc("repositories", "Repositories by state.", "state")
	descStored     = desc("deliveries_stored", "Deliveries in the delivery log, about.")
	descLinks      = desc("links", "Commits and branches with an issue key, over all repositories.")
	descReloads    = desc("reloads_total", "Reloads of the config.", "result")
	descUp         = desc("database_up", "Whether the database answered this scrape.")
)

// Describe is empty: the labels follow from the data.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect asks every room.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	v := build()
	send(descBuild, gauge, 1, v.Version, v.Commit, v.Go)
	hooks := c.a.webhook.Stats()
	for _, n := range c.a.deliveryCounts() {
		send(descDeliveries, counter, float64(n.N), n.Host, string(n.Outcome))
	}
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, n := range hooks.Latency.Buckets {
		total += n
		if i < len(hooks.Latency.Bounds) {
			buckets[hooks.Latency.Bounds[i].Seconds()] = total
		}
	}
	ch <- prometheus.MustNewConstHistogram(descLatency, total, hooks.Latency.Sum.Seconds(), buckets)
	s := c.a.runner.Stats()
	for result, n := range s.Syncs {
		send(descSyncs, counter, float64(n), result)
	}
	ch <- prometheus.MustNewConstSummary(descSyncTime, uint64(s.Count), s.Seconds, nil)
	send(descCommits, counter, float64(s.Commits))
	send(descFound, counter, float64(s.Links))
	send(descRunning, gauge, float64(s.Running))
	send(descOpen, gauge, float64(s.OpenHosts))
	send(descReloads, counter, float64(c.a.reloads.done.Load()), "done")
	send(descReloads, counter, float64(c.a.reloads.failed.Load()), "failed")
	if tick := c.a.runner.LastTick(); !tick.IsZero() {
		send(descTick, gauge, float64(tick.UnixMilli())/1000)
	}
	c.database(send)
}

func (c collector) database(send func(*prometheus.Desc, prometheus.ValueType, float64, ...string)) {
	const gauge = prometheus.GaugeValue
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s, err := c.a.store.Stats(ctx)
	if err != nil {
		send(descUp, gauge, 0)
		return
	}
	send(descUp, gauge, 1)
	for state, n := range s.Repos {
		send(descRepos, gauge, float64(n), string(state))
	}
	send(descJobs, gauge, float64(s.JobsWaiting), "waiting")
	send(descJobs, gauge, float64(s.JobsRunning), "running")
	oldest := 0.0
	if !s.OldestWaiting.IsZero() {
		oldest = max(0, time.Since(s.OldestWaiting).Seconds())
	}
	send(descOldest, gauge, oldest)
	send(descStored, gauge, float64(s.Deliveries))
	send(descLinks, gauge, float64(s.Links))
}
