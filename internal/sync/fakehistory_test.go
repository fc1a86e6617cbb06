package sync

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	stdsync "sync"
	"sync/atomic"
	"time"

	"issuetrail/internal/model"
)

// fakeHistory is a server with one repository for all addresses, but those elsewhere.
type fakeHistory struct {
	elsewhere map[string]*fakeHistory // path → what is there
	mu        stdsync.Mutex
	refs      map[string]model.Ref
	head      string
	commits   map[model.Hash]fakeCommit
	lists     int
	opens     map[string]int
	fetches   []fakeFetch
	openErr   func(host string) error
	// onFetch may fail a fetch before it sends anything, or wait.
	onFetch func(ctx context.Context, n int) error
	fast    atomic.Bool // while onFetch waits, bytes come
	busy    int
	most    int // fetches at the same time
}

type fakeCommit struct {
	raw     string
	parents []model.Hash
}

type fakeFetch struct{ wants, haves []model.Hash }

func newFakeHistory() *fakeHistory {
	return &fakeHistory{refs: map[string]model.Ref{}, head: "refs/heads/main", commits: map[model.Hash]fakeCommit{}, opens: map[string]int{}}
}

// commit adds a commit and moves the branch to it.
func (h *fakeHistory) commit(branch, message string) model.Hash {
	h.mu.Lock()
	defer h.mu.Unlock()
	var parents []model.Hash
	raw := "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
	if r, ok := h.refs[model.HeadPrefix+branch]; ok {
		parents = append(parents, r.Tip)
		raw += "parent " + r.Tip.String() + "\n"
	}
	raw += fmt.Sprintf("author A <a@b> 1700000000 +0000\ncommitter A <a@b> %d +0000\n\n%s\n", 1700000000+len(h.commits), message)
	var tip model.Hash
	sum := sha256.Sum256([]byte(raw))
	copy(tip[:], sum[:])
	h.commits[tip] = fakeCommit{raw, parents}
	h.refs[model.HeadPrefix+branch] = model.Ref{Name: model.HeadPrefix + branch, Tip: tip}
	return tip
}

func (h *fakeHistory) set(name string, tip, peeled model.Hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refs[name] = (model.Ref{Name: name, Tip: tip, Peeled: peeled}); tip.IsZero() {
		delete(h.refs, name)
	}
}

func (h *fakeHistory) Open(ctx context.Context, a model.Address) (Session, error) {
	if other := h.elsewhere[a.Path]; other != nil {
		return other.Open(ctx, a)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opens[a.Host]++
	if h.openErr != nil {
		if err := h.openErr(a.Host); err != nil {
			return nil, err
		}
	}
	return &fakeSession{fakeHistory: h}, ctx.Err()
}

type fakeSession struct {
	*fakeHistory
	fetched, closed bool
}

func (h *fakeSession) Close() error {
	if h.closed {
		return errors.New("closed twice")
	}
	h.closed = true
	return nil
}

func (h *fakeSession) Refs(_ context.Context, same [32]byte) (model.RefList, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lists++
	list := model.RefList{Default: h.head}
	for _, name := range slices.Sorted(maps.Keys(h.refs)) {
		list.Refs = append(list.Refs, h.refs[name])
	}
	list.Digest = sha256.Sum256(fmt.Append(nil, list.Refs, h.head))
	if list.Digest == same {
		list.Refs = nil
	}
	return list, nil
}

func (h *fakeSession) Fetch(ctx context.Context, wants, haves []model.Hash, progress func(model.Progress),
	emit func(model.RawCommit) error,
) (map[model.Hash]model.Hash, error) {
	if h.fetched || h.closed {
		return nil, errors.New("a session is good for one fetch")
	}
	h.fetched = true
	h.mu.Lock()
	h.fetches = append(h.fetches, fakeFetch{wants, haves})
	n, hook := len(h.fetches), h.onFetch
	h.busy++
	h.most = max(h.most, h.busy)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.busy--
		h.mu.Unlock()
	}()
	if hook != nil {
		defer h.flow(progress)()
		if err := hook(ctx, n); err != nil {
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range wants {
		if !slices.ContainsFunc(slices.Collect(maps.Values(h.refs)), func(r model.Ref) bool { return r.Tip == w }) {
			return nil, &model.Failure{Code: model.CodeProtocol, Detail: "upload-pack: not our ref " + w.String()}
		}
	}
	return h.send(wants, haves, progress, emit)
}

// flow tells of bytes until over is called.
func (h *fakeHistory) flow(progress func(model.Progress)) (over func()) {
	quit := make(chan struct{})
	go func() {
		for n := int64(1); ; n++ {
			select {
			case <-quit:
				return
			case <-time.After(100 * time.Millisecond):
			}
			if h.fast.Load() {
				progress(model.Progress{Bytes: n << 20})
			}
		}
	}()
	return func() { close(quit) }
}

// send walks from wants to haves; it reuses one buffer, as a real session may.
func (h *fakeSession) send(wants, haves []model.Hash, progress func(model.Progress), emit func(model.RawCommit) error) (map[model.Hash]model.Hash, error) {
	tags, seen := map[model.Hash]model.Hash{}, map[model.Hash]bool{}
	var buf []byte
	var stop func(model.Hash)
	stop = func(c model.Hash) {
		if !seen[c] {
			seen[c] = true
			for _, p := range h.commits[c].parents {
				stop(p)
			}
		}
	}
	for _, c := range haves {
		stop(c)
	}
	for queue := slices.Clone(wants); len(queue) > 0; queue = queue[1:] {
		c := queue[0]
		for _, r := range h.refs {
			if r.Tip == c && !r.Peeled.IsZero() {
				tags[c], c = r.Peeled, r.Peeled
			}
		}
		if seen[c] {
			continue
		}
		seen[c] = true
		buf = append(buf[:0], h.commits[c].raw...)
		if err := emit(model.RawCommit{Hash: c, Raw: buf}); err != nil {
			return nil, err
		}
		progress(model.Progress{Objects: int64(len(seen))})
		queue = append(queue, h.commits[c].parents...)
	}
	return tags, nil
}
