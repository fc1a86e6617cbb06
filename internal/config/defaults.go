package config

import "time"

// The addresses of Jira Cloud, for a site that gives none.
const (
	cloudAPI   = "https://api.atlassian.com"
	cloudToken = "https://api.atlassian.com/oauth/token"
)

// Defaults is the configuration of an empty file, except that a path which
// depends on where the daemon runs (the control socket) is still "".
func Defaults() *Config {
	return &Config{
		DataDir: "/var/lib/issuetrail",
		Server:  Server{Listen: "127.0.0.1:8080"},
		Sync: Sync{
			Schedule: "@every 15m",
			Mirror:   "full",
			Workers:  8,
			Timeout:  15 * time.Minute,
			PerHost:  4,
		},
		Issues: Issues{Unreachable: "remove"},
	}
}

// setDefaults fills a new entry of the hosts list before its keys are read.
func (h *Host) setDefaults() { h.TLSVerify = true }

// setDefaults fills a new entry of the jira list before its keys are read.
func (j *Jira) setDefaults() { j.SmartCommits = "off" }
