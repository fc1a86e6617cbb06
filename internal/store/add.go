package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"issuetrail/internal/model"
)

// ingests remember what each running job added so far, for a server may send a
// commit twice.
type ingests struct {
	mu   sync.Mutex
	jobs map[ingestKey]*hashIndex
}

type ingestKey struct {
	repo    int64
	job     int64
	attempt int
}

func newIngests() *ingests { return &ingests{jobs: map[ingestKey]*hashIndex{}} }

func (i *ingests) of(j model.Job) *hashIndex {
	i.mu.Lock()
	defer i.mu.Unlock()
	k := ingestKey{j.RepoID, j.ID, j.Attempt}
	if i.jobs[k] == nil {
		i.jobs[k] = &hashIndex{}
	}
	return i.jobs[k]
}

func (i *ingests) drop(j model.Job) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.jobs, ingestKey{j.RepoID, j.ID, j.Attempt})
}

// dropRepo forgets the jobs of a repo that a new one follows: they were lost.
func (i *ingests) dropRepo(repoID int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.DeleteFunc(i.jobs, func(k ingestKey, _ *hashIndex) bool { return k.repo == repoID })
}

// Add stores new commits and their links. They stay invisible until Record; commits that
// the repo has, or that this job added before, are passed over. Batches of 4096
// are best. It may take several short transactions; the error is
// model.ErrFenced when the job is no longer ours. One job adds from one goroutine.
func (s *Store) Add(ctx context.Context, j model.Job, batch []model.BatchCommit) error {
	var seen *hashIndex
	fresh := make([]model.BatchCommit, 0, len(batch))
	err := s.withGraph(ctx, j.RepoID, func(g *graph, _ []model.Ref, _ []int) {
		for i := range batch {
			if g.index.find(batch[i].Hash) >= 0 {
				continue
			}
			if seen == nil {
				seen = s.adding.of(j)
			}
			if _, added := seen.add(batch[i].Hash); added {
				fresh = append(fresh, batch[i])
			}
		}
	})
	for part := range slices.Chunk(fresh, segmentCommits) {
		if err != nil {
			break
		}
		err = s.addSegment(ctx, j, part)
	}
	if errors.Is(err, model.ErrNotFound) {
		err = model.ErrFenced // the repo was removed, and the job with it
	}
	if errors.Is(err, model.ErrFenced) {
		s.adding.drop(j)
	}
	if err != nil {
		return fmt.Errorf("add commits to repository %d: %w", j.RepoID, err)
	}
	return nil
}

// A newLink is a row of the link table.
type newLink struct {
	key model.IssueKey
	pos int
	at  int64
}

func (s *Store) addSegment(ctx context.Context, j model.Job, commits []model.BatchCommit) error {
	p := s.pack.pack(commits)
	links := linksOf(commits)
	var id int64
	var block, link int // how many of each are written
	addBlock := func(t *tx, i int) (int, error) {
		_, err := t.exec(`INSERT INTO segment_block (segment_id, first, raw) VALUES ($1,$2,$3)`, id, int64(p.blocks[i].first), p.blocks[i].raw)
		return i + 1, err
	}
	addLinks := func(t *tx, i int) (int, error) { return insertLinks(t, j.RepoID, id, links, i) }
	err := s.db.bulk(ctx, "add_segment", func(t *tx) error {
		block, link = 0, 0
		err := fence(t, j)
		if err == nil {
			id, err = insertSegment(t, j, len(commits), p)
		}
		// A small segment is written at once.
		for err == nil && block < len(p.blocks) && !t.spent() {
			block, err = addBlock(t, block)
		}
		for err == nil && block == len(p.blocks) && link < len(links) && !t.spent() {
			link, err = addLinks(t, link)
		}
		return err
	})
	if err == nil {
		err = s.inSlices(ctx, "add_block", &j, block, len(p.blocks), addBlock)
	}
	if err == nil {
		err = s.inSlices(ctx, "add_links", &j, link, len(links), addLinks)
	}
	return err
}

func insertSegment(t *tx, j model.Job, commits int, p packed) (id int64, err error) {
	err = t.row(`INSERT INTO segment (repo_id, job_id, attempt, commits, linked, bytes) VALUES ($1,$2,$3,$4,$5,$6) RETURNING id`,
		j.RepoID, j.ID, int64(j.Attempt), int64(commits), int64(p.links), int64(p.bytes)).Scan(&id)
	if err != nil {
		return 0, err
	}
	_, err = t.exec(`INSERT INTO segment_index (segment_id, hashes, parents, times, linked) VALUES ($1,$2,$3,$4,$5)`,
		id, p.hashes, p.parents, p.times, notNil(p.linked))
	return id, err
}

// linksOf gives the links of a segment's commits in the order of the table, each once.
func linksOf(commits []model.BatchCommit) (links []newLink) {
	for i := range commits {
		for _, k := range commits[i].Keys {
			links = append(links, newLink{k, i, commits[i].CommittedAt * 1e6})
		}
	}
	return sorted(links)
}

// linkRows is how many rows one statement inserts, where there are as many.
const linkRows = 32

const insertLink = `INSERT INTO link (issue_key, segment_id, pos, repo_id, committed_at) VALUES `

// insertLinks writes some of links from i on and gives the index of the next.
func insertLinks(t *tx, repoID, segment int64, links []newLink, i int) (int, error) {
	n, query := 1, insertLink+`($1,$2,$3,$4,$5)`
	if len(links)-i >= linkRows {
		n, query = linkRows, t.sql.links
	}
	args := make([]any, 0, 5*linkRows)
	for _, l := range links[i : i+n] {
		args = append(args, string(l.key), segment, int64(l.pos), repoID, l.at)
	}
	_, err := t.exec(query, args...)
	return i + n, err
}

// inSlices does the things from number at to n in bulk transactions, as many in each as
// its time allows. step does the one at i, or some from i on, and gives the index of
// the next. Each transaction is fenced by j, unless that is nil.
func (s *Store) inSlices(ctx context.Context, name string, j *model.Job, at, n int, step func(t *tx, i int) (int, error)) error {
	for at < n {
		next := at
		err := s.db.bulk(ctx, name, func(t *tx) (err error) {
			next = at
			if j != nil {
				if err := fence(t, *j); err != nil {
					return err
				}
			}
			for next < n && (next == at || !t.spent()) {
				if next, err = step(t, next); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		at = next
	}
	return nil
}

// notNil makes an empty value of nil, for columns that are NOT NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
