package mirror

import (
	"context"
	"errors"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// A FetchRequest says what is wanted and what is known.
type FetchRequest struct {
	// Wants are tips as Refs lists them: of an annotated tag the tag object,
	// for servers of version 0 give nothing else.
	Wants []model.Hash
	// Haves are commits whose whole history is known. The server may have lost them.
	Haves []model.Hash
	// Progress is called every 100 ms at most, by the goroutine that calls emit. May be nil.
	Progress func(model.Progress)
}

// A FetchResult is what came, the commits excepted.
type FetchResult struct {
	Filtered bool // the server was asked to leave trees and blobs out, and agreed
	// Tags leads from each tag object that came to its commit, through other tags
	// if need be. Tags of trees and blobs are left out.
	Tags map[model.Hash]model.Hash
	// Boundary are parents that did not come, sorted: commits that are known, if they lie
	// below the haves, or else those where the history of a shallow repository ends.
	Boundary []model.Hash
	Objects  int64 // of the pack, as far as it was read
	Bytes    int64 // of the pack, as far as it was read
}

// Fetch streams the commits that lead to the wants and not to the haves. emit gets
// each of them once, parents mostly after their children; Raw is valid only until it
// returns. An error of emit ends the fetch and is returned. A fetch that fails has
// emitted some commits, or all.
func (s *Session) Fetch(ctx context.Context, r FetchRequest, emit func(model.RawCommit) error) (FetchResult, error) {
	res, err := s.fetchAnyhow(ctx, r, emit)
	return res, s.clean(err)
}

// fetchAnyhow fetches without the filter where the server refuses it.
func (s *Session) fetchAnyhow(ctx context.Context, r FetchRequest, emit func(model.RawCommit) error) (FetchResult, error) {
	r.Wants, r.Haves = distinct(r.Wants), distinct(r.Haves)
	if len(r.Wants) == 0 {
		return FetchResult{}, nil
	}
	stop, err := s.begin(ctx)
	defer func() { stop() }()
	if err != nil {
		return FetchResult{}, err
	}
	filter := s.filters()
	out, err := s.fetch(r, filter, emit)
	if !errors.Is(err, errNoFilter) {
		return out, err
	}
	stop()
	s.keys.again()
	if err := s.reopen(ctx); err != nil {
		stop = func() {}
		return FetchResult{}, err
	}
	if stop, err = s.begin(ctx); err != nil {
		return FetchResult{}, err
	}
	return s.fetch(r, false, emit)
}

// reopen starts the session anew: on another channel, with the key that is next.
func (s *Session) reopen(ctx context.Context) error {
	s.talk.hangUp()
	var again *Session
	var err error
	if s.keys != nil {
		again, err = s.pool.open(ctx, s.address, s.keys)
	} else {
		again, err = s.pool.Open(ctx, s.address)
	}
	if err != nil {
		return err
	}
	*s = *again
	return nil
}

// errNoFilter says that the server has the filter, and is not allowed to use it.
var errNoFilter = errors.New("the server refuses the filter")

// fetch does one round.
func (s *Session) fetch(r FetchRequest, filter bool, emit func(model.RawCommit) error) (FetchResult, error) {
	d := &demux{s: s}
	var request []byte
	if s.version == 2 {
		request = s.request(r, filter)
	} else {
		request, d.bands = s.request0(r, filter)
	}
	s.over = true // until the answer was read to its end, where more may follow
	if _, err := s.talk.Write(request); err != nil {
		return FetchResult{}, s.unfiltered(filter, s.failed(err))
	}
	if err := d.open(); err != nil {
		return FetchResult{}, s.unfiltered(filter, err)
	}
	p := newPackReader(d.next, s.pool.o, r, emit)
	p.plain = !filter
	defer p.spool.close()
	switch err := p.read(); {
	case err == nil:
		s.over = s.version == 0
	case errors.Is(err, errClosedGraph):
		s.talk.hangUp()
	case p.total == 0:
		return FetchResult{}, s.unfiltered(filter, err)
	default:
		return FetchResult{}, err
	}
	return FetchResult{
		Filtered: filter, Tags: p.graph.peeled(), Boundary: p.graph.boundary(),
		Objects: p.objects, Bytes: p.in.received(),
	}, nil
}

// unfiltered tells a refusal of the filter from other failures.
func (s *Session) unfiltered(filter bool, err error) error {
	var f *model.Failure
	if filter && errors.As(err, &f) && strings.Contains(f.Detail, "filter") {
		return errNoFilter
	}
	return err
}

// distinct drops zero hashes and repetitions.
func distinct(hashes []model.Hash) []model.Hash {
	out := make([]model.Hash, 0, len(hashes))
	seen := make(map[model.Hash]struct{}, len(hashes))
	for _, h := range hashes {
		if _, ok := seen[h]; !ok && !h.IsZero() {
			seen[h] = struct{}{}
			out = append(out, h)
		}
	}
	return slices.Clip(out)
}
