package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/model"
)

// cpu is the time that this process has used of all cores.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for itself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// manyCommits makes a history as a server sends it: newest first, about one key each.
func manyCommits(n int) []model.BatchCommit {
	list := make([]model.BatchCommit, n)
	var last model.Hash
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var parents []model.Hash
		if i > 0 {
			parents = append(parents, last)
			if i > 10 && i%7 == 0 {
				parents = append(parents, list[i-1-rnd.IntN(9)].Hash)
			}
		}
		text := fmt.Sprintf("APP-%d: change number %d of the %x\n\nIt does %x and %x, as the review of %d asked for.", rnd.IntN(20000), i, rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.IntN(999))
		list[i] = commit(text, 1_600_000_000+int64(i)*60, parents...)
		last = list[i].Hash
	}
	slices.Reverse(list)
	return list
}

func BenchmarkFirstIndex(b *testing.B) {
	commits := manyCommits(100_000)
	refs := model.SyncResult{Default: "refs/heads/main", Rules: "r"}
	for i := range 20_000 {
		name := fmt.Sprintf("feature/APP-%d-x", i)
		refs.Updates = append(refs.Updates, model.RefUpdate{Name: "refs/heads/" + name, New: commits[i*5].Hash})
		refs.Branches = append(refs.Branches, model.BranchLink{Key: model.IssueKey(fmt.Sprintf("APP-%d", i)), Name: name})
	}
	for b.Loop() {
		s := must(Open(context.Background(), Options{DataDir: b.TempDir()}))(b)
		repo := addRepo(b, s, "acme/app").ID
		j := claimJob(b, s)
		at := cpu()
		begun := time.Now()
		for part := range slices.Chunk(commits, segmentCommits) {
			ok(b, s.Add(b.Context(), j.Job, part))
		}
		added := cpu()
		ok(b, s.Record(b.Context(), j.Job, refs))
		b.ReportMetric(float64((added - at).Milliseconds()), "add-cpu-ms")
		b.ReportMetric(float64((cpu() - added).Milliseconds()), "record-cpu-ms")
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "wall-ms")
		begun = time.Now()
		_ = issue(b, s, "APP-7")
		b.ReportMetric(float64(time.Since(begun).Microseconds()), "first-issue-us")
		begun = time.Now()
		_ = issue(b, s, "APP-8")
		b.ReportMetric(float64(time.Since(begun).Microseconds()), "next-issue-us")
		_ = must(s.Refs(b.Context(), repo))(b)
		// One commit more.
		tip := commit("APP-7 more", 1_700_000_000, commits[0].Hash)
		j = claimAgain(b, s, repo)
		begun = time.Now()
		ok(b, s.Add(b.Context(), j.Job, []model.BatchCommit{tip}))
		ok(b, s.Record(b.Context(), j.Job, model.SyncResult{Updates: []model.RefUpdate{{Name: "refs/heads/feature/APP-0-x", Old: commits[0].Hash, New: tip.Hash}}}))
		b.ReportMetric(float64(time.Since(begun).Microseconds()), "plus-one-us")
		begun = time.Now()
		_ = issue(b, s, "APP-7")
		b.ReportMetric(float64(time.Since(begun).Microseconds()), "after-plus-one-us")
		s.Close()
	}
}

func BenchmarkAccept(b *testing.B) {
	s := must(Open(context.Background(), Options{DataDir: b.TempDir()}))(b)
	defer s.Close()
	for i := range 200 {
		addRepo(b, s, fmt.Sprintf("acme/app%d", i))
	}
	body := make([]byte, 7000)
	for i := range body {
		body[i] = "abcdefgh{}:,\""[i*i%13]
	}
	const callers = 32
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	next := make(chan int)
	for range callers {
		wg.Go(func() {
			for i := range next {
				at := time.Now()
				_, err := s.Accept(context.Background(), model.Delivery{Host: "h", Body: body, Push: model.Push{
					DeliveryID: fmt.Sprint("d", i), RepoName: "x", URLs: []string{fmt.Sprintf("https://example.com/acme/app%d", i%200)},
				}})
				if err != nil {
					b.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(at))
				mu.Unlock()
			}
		})
	}
	at := cpu()
	for i := 0; b.Loop(); i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "per-s")
	b.ReportMetric(float64((cpu()-at).Microseconds())/float64(len(took)), "cpu-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}
