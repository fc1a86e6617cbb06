// Package mirror talks git: it holds connections over SSH and HTTPS, lists refs and streams
// the history of a repository. It speaks the upload-pack protocol itself, versions
// 2 and 0, on go-git's SSH authentication and packet code; go-git's own
// fetch reads ten times as much and stops at nothing (see docs/architecture.md).
//
// A server and its content are taken for hostile: each wait has a limit,
// each size is checked before memory is given, and no text of a server reaches
// an error without its control characters stripped.
package mirror
