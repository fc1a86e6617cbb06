package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"issuetrail/internal/model"
)

func TestASecondDaemonIsKeptOut(t *testing.T) {
	b := &bed{t, Options{DataDir: t.TempDir()}}
	s := b.open()
	_, err := Open(t.Context(), b.opts)
	if err == nil || !strings.Contains(err.Error(), "another issuetrail daemon") {
		t.Errorf("the second open says %v", err)
	}
	ok(t, s.Close())
	b.open()
}

func TestLeasesAreFreedAtOpen(t *testing.T) {
	b := &bed{t, Options{DataDir: t.TempDir()}}
	s := b.open()
	addRepo(t, s, "acme/app")
	old := claimJob(t, s)
	ok(t, s.Add(t.Context(), old.Job, []model.BatchCommit{commit("APP-1", 1)}))
	ok(t, s.Close())
	s = b.open()
	if j := claimJob(t, s); j.Attempt != 2 {
		t.Errorf("claimed %+v", j)
	}
	until(t, func() bool { return countRows(t, s, "link") == 0 })
	wantErr(t, s.Add(t.Context(), old.Job, []model.BatchCommit{commit("APP-1", 1)}), model.ErrFenced)
}

func TestNewerSchemaIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		ok(t, s.db.write(t.Context(), "test", func(x *tx) error {
			_, err := x.exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, ` + map[bool]string{true: "1", false: "true"}[b.opts.URL == ""] + `)`)
			return err
		}))
		ok(t, s.Close())
		_, err := Open(t.Context(), b.opts)
		wantErr(t, err, ErrSchemaNewer)
	})
}

func TestBackupIsACompleteDatabase(t *testing.T) {
	b := &bed{t, Options{DataDir: t.TempDir()}}
	s := b.open()
	addRepo(t, s, "acme/app")
	dir := t.TempDir()
	for range 2 {
		ok(t, backup(t.Context(), s.db.(*liteEngine).db, filepath.Join(dir, databaseFile)))
	}
	copied := (&bed{t, Options{DataDir: dir}}).open()
	must(copied.FindRepo(t.Context(), "acme/app"))(t)
	if fi, err := os.Stat(filepath.Join(dir, databaseFile)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", fi.Mode(), err)
	}
}

func TestFullDiskIsSaidAndRecoversByItself(t *testing.T) {
	s := (&bed{t, Options{DataDir: t.TempDir()}}).open()
	addRepo(t, s, "acme/app")
	limit := func(pages string) {
		w := s.db.(*liteEngine).w
		ok(t, w.do(context.Background(), w.ops, "test", func(x *tx) error {
			var n int
			return x.row("PRAGMA max_page_count=" + pages).Scan(&n)
		}))
	}
	limit("10") // SQLite takes the present size when that is larger
	body := []byte(strings.Repeat("x", 100))
	var full error
	for i := 0; i < 1000 && full == nil; i++ {
		body = fmt.Appendf(body, "%d %x", i, os.Getpid()*i*7919)
		_, full = s.Accept(t.Context(), model.Delivery{Host: "h", Body: body, Push: model.Push{RepoName: "acme/app", DeliveryID: fmt.Sprint(i)}})
	}
	var f *model.Failure
	if !errors.As(full, &f) || f.Code != model.CodeDiskFull {
		t.Fatalf("a full disk gives %v", full)
	}
	must(s.FindRepo(t.Context(), "acme/app"))(t) // reads go on
	limit("1000000")
	if d := must(s.Accept(t.Context(), model.Delivery{Host: "h", Push: model.Push{RepoName: "acme/app"}}))(t); d.Status != model.DeliveryAccepted {
		t.Errorf("after space came back: %+v", d)
	}
}

// Operations that share a commit do not share their failures.
func TestOneFailingOperationDoesNotFailTheGroup(t *testing.T) {
	s := (&bed{t, Options{DataDir: t.TempDir()}}).open()
	w := s.db.(*liteEngine).w
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = w.do(context.Background(), w.ops, "hold", func(*tx) error { close(held); <-hold; return nil })
	})
	<-held
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			errs[i] = s.db.write(context.Background(), "test", func(x *tx) error {
				if _, err := x.exec(`INSERT INTO token (name, role, hash, created_at) VALUES ($1, 'viewer', $2, 0)`, fmt.Sprint(i), []byte{byte(i)}); err != nil {
					return err
				}
				switch {
				case i == 3:
					panic("a fault")
				case i%4 == 0:
					return model.ErrNotFound
				}
				return nil
			})
		})
	}
	until(t, func() bool { return len(w.ops) == len(errs) })
	close(hold)
	wg.Wait()
	for i, err := range errs {
		if (err != nil) != (i == 3 || i%4 == 0) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if n := countRows(t, s, "token"); n != 14 {
		t.Errorf("%d rows, want 14", n)
	}
}

func TestBulkIsNotStarved(t *testing.T) {
	s := (&bed{t, Options{DataDir: t.TempDir()}}).open()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = s.Ping(context.Background())
				}
			}
		})
	}
	for range 20 {
		ok(t, s.db.bulk(t.Context(), "test", func(*tx) error { return nil }))
	}
	close(stop)
	wg.Wait()
}

func TestClosedStoreSaysSoAndLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := (&bed{t, Options{DataDir: t.TempDir()}}).open()
	ok(t, s.Close())
	if err := s.Ping(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("ping says %v", err)
	}
	_, err := s.Repo(t.Context(), 1)
	wantErr(t, err, errClosed)
}

// The C library under SQLite must be exactly the one its authors tested with.
func TestLibcIsTheOneThatSQLiteNames(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.GoMod}}", "modernc.org/sqlite").Output()
	ok(t, err)
	_, file, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	mod, err := os.ReadFile(file)
	ok(t, err)
	out, err = exec.Command("go", "list", "-m", "modernc.org/libc").Output()
	ok(t, err)
	if line := strings.TrimSpace(string(out)); !strings.Contains(string(mod), "\t"+line+"\n") {
		t.Errorf("go.mod has %s, which is not what modernc.org/sqlite asks for", line)
	}
}
