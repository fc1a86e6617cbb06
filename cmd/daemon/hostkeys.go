package main

import (
	"context"

	"issuetrail/internal/model"
)

// Import trusts the lines of a known_hosts file, and has the repositories tried again that failed
// for want of a host key.
func (h hostKeys) Import(ctx context.Context, text string) (model.HostImport, error) {
	done, err := h.known.Import(ctx, text)
	if err == nil && len(done.Added) > 0 {
		h.retry(ctx, func(r model.RepoStatus) bool {
			return r.LastFailure.Code == model.CodeHostKeyUnknown || r.LastFailure.Code == model.CodeHostKeyChanged
		})
	}
	return done, keyFailure(err)
}
