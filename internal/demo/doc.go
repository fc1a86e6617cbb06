// Package demo makes what `issuetrail demo` runs on: a sample repository with
// some history, and an SSH server on loopback that serves it with the git of this
// machine. Nothing of it is used by the daemon itself.
package demo
