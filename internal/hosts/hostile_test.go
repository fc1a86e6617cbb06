package hosts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// What is signed may still be absurd. None of it may panic, or take more memory than
// the body a few times over.

// samples are recordings of each host, one of each event that Parse tells apart by a
// header, all of the hosts that tell them apart by the body.
func samples(t *testing.T) (out []recorded) {
	seen := map[string]bool{}
	for _, r := range recordings(t) {
		_, err := r.host.Parse(r.header, r.body)
		key := r.host.Kind()
		for _, name := range append(eventHeaders, "X-Gogs-Event") {
			key += " " + r.header.Get(name)
		}
		if strings.Trim(key, " ") == r.host.Kind() || strings.Contains(key, " Hook") {
			key = r.name
		}
		if raced {
			key = r.host.Kind()
		}
		if err == nil && !seen[key] {
			seen[key] = true
			out = append(out, r)
		}
	}
	return out
}

// parse parses one body in memory of so many times its size, and a little.
func (r recorded) parse(t *testing.T, what string, body []byte, times int) (model.Push, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := r.host.Parse(r.header, body)
	runtime.ReadMemStats(&after)
	sound(t, p, err)
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(times*len(body)+512<<10) {
		t.Errorf("%s, %s: %d KiB for a body of %d KiB", r.name, what, took>>10, len(body)>>10)
	}
	if t.Failed() {
		t.Fatalf("%s, %s: %.500s", r.name, what, body)
	}
	return p, err
}

// A node is one value of a JSON document.
type node struct {
	path string
	old  any
	set  func(any)
}

// nodes lists the values of a document; of an array the first element only.
func nodes(v any, path string, set func(any)) []node {
	out := []node{{path, v, set}}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			out = append(out, nodes(value, path+"."+key, func(n any) { v[key] = n })...)
		}
	case []any:
		if len(v) > 0 {
			out = append(out, nodes(v[0], path+"[0]", func(n any) { v[0] = n })...)
		}
	}
	return out
}

// eachNode calls try with every sample that is JSON, once for each of its values and
// each of what values gives for it.
func eachNode(t *testing.T, values func(old any) []any, try func(r recorded, path string, body []byte)) {
	for _, r := range samples(t) {
		var document any
		dec := json.NewDecoder(bytes.NewReader(r.body))
		dec.UseNumber()
		if dec.Decode(&document) != nil {
			continue // a form or a script's text
		}
		for _, n := range nodes(document, "", func(v any) { document = v }) {
			for _, v := range values(n.old) {
				n.set(v)
				body, err := json.Marshal(document)
				if err != nil {
					t.Fatal(err)
				}
				try(r, n.path, body)
			}
			n.set(n.old)
		}
	}
}

func TestAnyFieldOfAnyType(t *testing.T) {
	values := []any{nil, "x", json.Number("7"), json.Number("-1e400"), []any{}, []any{nil, "a"}, map[string]any{"a": []any{nil}}}
	eachNode(t, func(any) []any { return values }, func(r recorded, path string, body []byte) {
		p, err := r.host.Parse(r.header, body)
		if sound(t, p, err); t.Failed() {
			t.Fatalf("%s, %s: %.2000s", r.name, path, body)
		}
	})
}

func TestSwollenFields(t *testing.T) {
	mark, many := "[\"many\"]", "["+strings.Repeat("{},", 60_000)+"{}]"
	eachNode(t, func(old any) []any {
		switch old.(type) {
		case []any:
			return []any{[]any{"many"}}
		case string:
			return []any{strings.Repeat("a", 50_000), "\x00\x1f"}
		case json.Number:
			return []any{json.Number("1" + strings.Repeat("0", 50_000))}
		}
		return nil
	}, func(r recorded, path string, body []byte) {
		_, _ = r.parse(t, path, bytes.Replace(body, []byte(mark), []byte(many), 1), 5)
	})
}

// TestCutAnywhere: half a body is an error, wherever it ends.
func TestCutAnywhere(t *testing.T) {
	for _, r := range recordings(t) {
		if _, err := r.host.Parse(r.header, r.body); err != nil {
			continue
		}
		text := bytes.HasPrefix(r.body, []byte("repo ")) // whole after any line
		for at := 0; at < len(r.body); at += 1 + len(r.body)/60 {
			p, err := r.host.Parse(r.header, r.body[:at])
			if sound(t, p, err); (err == nil || errors.Is(err, ErrIgnored)) && !text {
				t.Errorf("%s, cut at %d of %d: %v", r.name, at, len(r.body), err)
			}
		}
		p, err := r.host.Parse(r.header, r.body[:len(r.body)-1])
		if sound(t, p, err); err == nil && !text {
			t.Errorf("%s without its last byte is understood", r.name)
		}
	}
}

// TestKeysTwice: an object with all its keys twice says the same.
func TestKeysTwice(t *testing.T) {
	for _, r := range recordings(t) {
		inner := bytes.TrimSpace(r.body)
		if len(inner) < 3 || inner[0] != '{' || inner[len(inner)-1] != '}' || !json.Valid(inner) {
			continue
		}
		inner = inner[1 : len(inner)-1]
		twice := append(append(append([]byte("{"), inner...), ','), append(inner, '}')...)
		want, wantErr := r.host.Parse(r.header, r.body)
		got, err := r.host.Parse(r.header, twice)
		if sound(t, got, err); fmt.Sprint(wantOf(got, err)) != fmt.Sprint(wantOf(want, wantErr)) && got.PullRequest == nil {
			t.Errorf("%s: %+v, %v", r.name, got, err)
		}
		if pr := got.PullRequest; pr != nil && (want.PullRequest == nil || *pr != *want.PullRequest) {
			t.Errorf("%s: %+v", r.name, pr)
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	for _, r := range recordings(t) {
		for at := 0; at < len(r.body); at += 1 + len(r.body)/100 {
			body := bytes.Clone(r.body)
			body[at] = 0xff
			p, err := r.host.Parse(r.header, body)
			if sound(t, p, err); t.Failed() {
				t.Fatalf("%s, byte %d", r.name, at)
			}
		}
	}
}

func TestHostileBodies(t *testing.T) {
	const size = 1 << 19
	fill := func(head, unit, tail string) []byte {
		return []byte(head + strings.Repeat(unit, size/len(unit)) + tail)
	}
	bodies := map[string][]byte{
		"deep":             fill(`{"repository":`, `[`, ``),
		"deep objects":     fill(``, `{"repository":`, `1`),
		"deep, not needed": []byte(`{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `,"project_id":1,"repository":{"id":1}}`),
		"long key":         fill(`{"`, `aaaaaaaa`, `":1}`),
		"many keys":        fill(`{`, `"ref":"",`, `"repository":{"id":1}}`),
		"escapes":          fill(`{"ref":"`, `\u0000`, `"}`),
		"form fields":      fill(``, `a&`, `payload=%7B%7D`),
		"form escapes":     fill(`payload=`, `%20`, ``),
		"form, not closed": fill(`payload=`, `%7B%22a%22:`, `%`),
		"script lines":     fill("repo a\n", "0000000000000000000000000000000000000000 0000000000000000000000000000000000000000 refs/heads/a\n", ""),
		"script line":      fill("repo ", "a", ""),
		"white space":      fill("", " \n", ""),
		"NUL":              fill("", "\x00", ""),
		"numbers":          fill("", "1", ""),
		"a list":           fill("[", "{},", "{}]"),
		"null":             []byte("null"),
		"a string":         []byte(`"push"`),
		"nothing":          nil,
	}
	for _, r := range samples(t) {
		for what, body := range bodies {
			for _, kind := range []string{"application/json", "application/x-www-form-urlencoded"} {
				r.header = r.header.Clone()
				r.header.Set("Content-Type", kind)
				if kind == "application/json" || strings.HasPrefix(what, "form") {
					_, _ = r.parse(t, what, body, 5)
				}
			}
		}
	}
}

// TestLargestBody: each host reads a delivery of 25 MB in a little more memory than that.
func TestLargestBody(t *testing.T) {
	size := 25_000_000
	if raced {
		size /= 25
	}
	filler := []byte(`{"filler":[` + strings.Repeat(`{"message":"APP-7: ä","added":["a.go"]},`, size/41) + `0],`)
	seen := map[Host]bool{}
	for _, r := range samples(t) {
		if seen[r.host] || !bytes.HasPrefix(r.body, []byte("{")) {
			continue
		}
		seen[r.host] = true
		want, _ := r.host.Parse(r.header, r.body)
		got, err := r.parse(t, "25 MB", append(bytes.Clone(filler), bytes.TrimSpace(r.body)[1:]...), 2)
		if err != nil || got.RepoName != want.RepoName || got.RepoID != want.RepoID || len(got.Updates) != len(want.Updates) {
			t.Errorf("%s: %+v, %v", r.name, got, err)
		}
	}
}

// TestHeadersAlone: a delivery may come without any header.
func TestHeadersAlone(t *testing.T) {
	for _, host := range All() {
		for _, body := range []string{"", "{}", "null", "[]", `{"a":1}`, "payload=", "repo \n"} {
			p, err := host.Parse(http.Header{}, []byte(body))
			if sound(t, p, err); err == nil {
				t.Errorf("%s understands %q", host.Kind(), body)
			}
		}
	}
}
