// Package hooks holds the scripts that users install on servers that have no webhooks.
// They are files of their own, so that a package or a browser shows them as they are.
package hooks

import _ "embed"

// PostReceive is a post-receive hook in POSIX sh, for plain git and for Gitolite.
//
//go:embed post-receive
var PostReceive string

// GitBlit is a post-receive script in Groovy, for GitBlit.
//
//go:embed gitblit.groovy
var GitBlit string
