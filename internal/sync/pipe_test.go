package sync

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// nullLedger takes commits and forgets them.
type nullLedger struct {
	Ledger
	batches, largest int
}

func (l *nullLedger) Add(_ context.Context, _ model.Job, batch []model.BatchCommit) error {
	l.batches++
	l.largest = max(l.largest, len(batch))
	return nil
}

func commitText(i int) []byte {
	return fmt.Appendf(nil, "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent %040d\nauthor A U Thor <author@example.com> %d +0000\n"+
		"committer C O Mitter <c@example.com> %d +0000\n\nAPP-%d: make the read-only mode of the cache well-behaved\n\n%s\n",
		i, 1700000000+i, 1700000000+i, i+1, strings.Repeat("The previous change made the fast path skip the re-check. ", 4))
}

// TestPipeBounds: batches keep their bounds, also with commits larger than a whole one.
func TestPipeBounds(t *testing.T) {
	b := &batch{}
	for _, n := range []int{10, batchBytes + 10, 10} {
		if b.full(n) {
			b.reset()
		}
		b.add(model.RawCommit{Raw: make([]byte, n)})
	}
	if len(b.commits) != 1 || b.size != 10 || cap(b.chunk) > 2*batchBytes {
		t.Errorf("%d commits, %d bytes in a chunk of %d", len(b.commits), b.size, cap(b.chunk))
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	ledger := &nullLedger{}
	p := newPipe(ctx, ledger, model.Job{}, newLinkRules(), cancel)
	for i := range 2*batchCommits + 1 {
		if err := p.emit(ctx, model.RawCommit{Raw: []byte{byte(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(ctx, nil); err != nil || ledger.batches != 3 || ledger.largest != batchCommits {
		t.Errorf("%d batches, the largest of %d: %v", ledger.batches, ledger.largest, err)
	}
}

func newLinkRules() *linkRules {
	return &linkRules{keys: issuekey.New(issuekey.Options{Projects: []string{"APP"}})}
}

func BenchmarkPipe(b *testing.B) {
	var texts [][]byte
	size := 0
	for i := range 1000 {
		texts = append(texts, commitText(i))
		size += len(texts[i])
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	ctx, cancel := context.WithCancelCause(b.Context())
	p := newPipe(ctx, &nullLedger{}, model.Job{}, newLinkRules(), cancel)
	for b.Loop() {
		for _, raw := range texts {
			if err := p.emit(ctx, model.RawCommit{Raw: raw}); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := p.close(ctx, nil); err != nil {
		b.Fatal(err)
	}
}
