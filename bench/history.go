package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
)

// A shape says how large a generated repository is.
type shape struct {
	Commits  int
	Branches int // main included; tags come on top
	Tags     int
}

// slots is how many features are worked on at the same time.
const slots = 24

// A feature is a branch that is being worked on.
type feature struct {
	name  string // branch
	key   string // issue it is about; "" = none
	pkg   int    // where its changes lie
	left  int    // commits still to make
	base  int    // mark it starts from
	tip   int    // mark of its last commit; 0 = none yet
	keep  bool   // its branch stays
	merge bool   // it reaches main
	files map[int]int
}

// A history writes a repository like those of a busy team: short feature branches,
// most of them merged or squashed, some left behind, releases now and then.
type history struct {
	shape
	stream
	text
	tree    *tree
	issue   map[string]int // newest issue number of each project
	used    map[string]bool
	tips    []int // marks worth a branch: main's commits and features' ends
	main    int
	open    [slots]*feature
	commits int
	kept    int
	tags    int
	merges  int
}

// writeHistory writes a fast-import stream; the same shape and seed give the same bytes.
func writeHistory(w io.Writer, s shape, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 1))
	h := &history{
		shape: s, text: text{r}, tree: newTree(r), issue: map[string]int{}, used: map[string]bool{"main": true},
		stream: stream{w: bufio.NewWriterSize(w, 1<<20), now: 1_420_070_400},
	}
	h.kept = 1
	h.first()
	for h.commits < s.Commits {
		switch owed, slot := h.owed(); {
		case h.commits+owed+2 <= s.Commits:
			h.step()
		case owed > 0:
			h.end(h.open[slot])
			h.open[slot] = nil
		default:
			h.onMain(h.message("", h.commits), h.edit(0), 0)
		}
	}
	h.finish()
	fmt.Fprintln(h.w, "done")
	return h.w.Flush()
}

func (h *history) write(n node) int {
	h.now += int64(600 + h.r.IntN(5000))
	n.author = h.person()
	h.commits++
	return h.stream.commit(n)
}

func (h *history) first() {
	all := map[int]int{}
	for f := range fileCount {
		all[f] = h.blob(h.tree.content(f))
	}
	h.main = h.write(node{ref: "refs/heads/main", message: "Import\n", files: all})
	h.tips = append(h.tips, h.main)
}

// step makes one commit, mostly.
func (h *history) step() {
	if h.tags < h.Tags && h.commits > h.tags*h.Commits/h.Tags+h.Commits/h.Tags/2 {
		h.release()
	}
	if h.r.IntN(9) == 0 {
		h.onMain(h.message(h.someKey(), h.commits), h.edit(h.r.IntN(modules*packages)), 0)
		return
	}
	slot := h.r.IntN(slots)
	f := h.open[slot]
	switch {
	case f == nil:
		h.open[slot] = h.begin()
	case f.left > 0:
		h.work(slot, f)
	default:
		h.end(f)
		h.open[slot] = nil
	}
}

// owed counts the features that must be merged before the end, or their commits are lost,
// and gives the slot of one.
func (h *history) owed() (n, slot int) {
	for i, f := range h.open {
		if f != nil && !f.keep && f.tip != 0 {
			n, slot = n+1, i
		}
	}
	return n, slot
}

// edit changes a few files of a package and gives their blobs.
func (h *history) edit(pkg int) map[int]int {
	out := map[int]int{}
	for _, file := range h.tree.some(pkg) {
		h.tree.change(file)
		out[file] = h.blob(h.tree.content(file))
	}
	return out
}

func (h *history) onMain(message string, files map[int]int, second int) {
	h.main = h.write(node{ref: "refs/heads/main", message: message, from: h.main, merge: second, files: files})
	h.tips = append(h.tips, h.main)
}

func (h *history) someKey() string {
	if h.r.IntN(3) == 0 {
		return ""
	}
	p := pick(h.r, projects)
	return fmt.Sprintf("%s-%d", p, 1+h.r.IntN(h.issue[p]+1))
}

// begin opens a feature, three of four for a new issue.
func (h *history) begin() *feature {
	f := &feature{pkg: h.r.IntN(modules * packages), left: 1 + h.r.IntN(7), base: h.main, files: map[int]int{}}
	if h.r.IntN(5) > 0 {
		p := pick(h.r, projects)
		h.issue[p]++
		f.key = fmt.Sprintf("%s-%d", p, h.issue[p])
	}
	f.name = h.branchName(f.key)
	// Spread what is left of the branches over what is left of the features, of about
	// five commits each.
	features := (h.Commits-h.commits)/5 + 1
	f.keep = h.kept < h.Branches && h.r.IntN(features) < h.Branches-h.kept
	if f.keep {
		h.kept++
	}
	f.merge = !f.keep || h.r.IntN(4) > 0
	return f
}

func (h *history) branchName(key string) string {
	name := pick(h.r, []string{"feature/", "bugfix/", "hotfix/", "users/" + strings.ToLower(pick(h.r, surs[1:3])) + "/"})
	switch {
	case key == "":
		name = pick(h.r, []string{"release/", "dependencies/", "experiment/"}) + h.slug()
	case h.r.IntN(4) == 0:
		name += strings.ToLower(key) + "-" + h.slug()
	case h.r.IntN(4) == 0:
		name = key
	default:
		name += key + "-" + h.slug()
	}
	for base, n := name, 2; h.used[name]; n++ {
		name = fmt.Sprintf("%s-v%d", base, n)
	}
	h.used[name] = true
	return name
}

// work makes the next commit of a feature.
func (h *history) work(slot int, f *feature) {
	key := f.key
	if h.r.IntN(6) == 0 {
		key = ""
	}
	n := node{ref: fmt.Sprintf("refs/scratch/%d", slot), message: h.message(key, h.commits), from: f.tip}
	if f.tip == 0 {
		n.from = f.base
	}
	if f.tip != 0 && h.r.IntN(25) == 0 {
		n.merge, n.message = h.main, fmt.Sprintf("Merge branch 'main' into %s\n", f.name)
	}
	n.files = h.edit(f.pkg)
	for file, mark := range n.files {
		f.files[file] = mark
	}
	f.tip = h.write(n)
	f.left--
}

// end merges, squashes or abandons a feature, and names its branch if that stays. What
// is squashed or abandoned keeps its branch, so that no commit is lost.
func (h *history) end(f *feature) {
	h.tips = append(h.tips, f.tip)
	if f.keep {
		h.point("refs/heads/"+f.name, f.tip)
	}
	if !f.merge {
		return
	}
	h.merges++
	if !f.keep || h.r.IntN(4) > 0 {
		h.onMain(h.mergeMessage(f.name, f.key, h.merges), f.files, f.tip)
		return
	}
	h.onMain(h.message(f.key, h.merges), f.files, 0)
}

func (h *history) release() {
	h.tags++
	name := fmt.Sprintf("v%d.%d", 1+h.tags/20, h.tags%20)
	if h.tags%2 == 0 {
		h.point("refs/tags/"+name, h.main)
		return
	}
	h.annotatedTag(name, h.person(), "Release "+name+"\n", h.main)
}

// finish names the branches of open features, fills up to the wanted number with
// branches on commits that exist, and removes the scratch refs.
func (h *history) finish() {
	for slot, f := range h.open {
		if f != nil && f.keep && f.tip == 0 {
			f.tip = f.base
		}
		if f != nil && f.keep {
			h.point("refs/heads/"+f.name, f.tip)
		}
		h.point(fmt.Sprintf("refs/scratch/%d", slot), 0)
	}
	for ; h.kept < h.Branches; h.kept++ {
		h.point("refs/heads/"+h.branchName(h.someKey()), pick(h.r, h.tips))
	}
}
