package mirror

import (
	"context"
	"errors"

	"issuetrail/internal/model"
)

// A FetchRequest says what is wanted and what is known.
type FetchRequest struct {
	// Wants are tips as Refs lists them: of an annotated tag the tag object,
	// for servers of version 0 give nothing else.
	Wants []model.Hash
	// Haves are commits whose whole history is known. The server may have lost them.
	Haves []model.Hash
	// Progress is called about every 100 ms at most, by the goroutine that calls emit. May be nil.
	Progress func(model.Progress)
}

// A FetchResult is what came, the commits excepted.
type FetchResult struct {
	Filtered bool // the server left trees and blobs out
	// Tags leads from each tag object that came to its commit, through other tags
	// if need be. Tags of trees and blobs are left out.
	Tags map[model.Hash]model.Hash
	// Boundary are parents that did not come: commits that are known, if they lie below the
	// haves, or else those where the history of a shallow repository ends.
	Boundary []model.Hash
	Objects  int64 // in the pack
	Bytes    int64 // of the pack, as far as it was read
}

// Fetch streams the commits that lead to the wants and not to the haves. emit gets
// each of them once, parents mostly after their children; Raw is valid only until it
// returns. An error of emit ends the fetch and is returned. A fetch that fails has
// emitted some commits, or all.
func (s *Session) Fetch(ctx context.Context, r FetchRequest, emit func(model.RawCommit) error) (FetchResult, error) {
	return FetchResult{}, errors.New("not yet")
}
