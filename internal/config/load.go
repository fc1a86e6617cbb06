package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds the config file, in bytes.
const maxFile = 1 << 20

// Checks are what other rooms know about values. A nil function accepts everything.
type Checks struct {
	Kinds   []string                 // valid words of hosts[].kind; empty = any
	Streams []string                 // those of them that have hosts[].stream_events
	Web     func(kind string) string // web address of the kind's own service; "" = it has none
	// Why a template of a link is refused that may hold these words.
	Template func(template string, words ...string) error
	Schedule func(spec string) error     // why a cron spec is refused
	URL      func(url string) error      // why a repository's URL is refused; must not repeat a password
	Key      func(url string) string     // what two URLs of one repository have in common; nil = the URL itself
	Lookup   func(string) (string, bool) // the environment; nil = the process's own
}

// Load reads and checks the file at path. The error is an *Error that lists every
// problem, ordered by line. Relative paths in the file start at the file's folder.
func Load(path string, c Checks) (*Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", path, err)
	}
	data, err := readFile(path)
	if err != nil {
		return nil, &Error{[]Problem{{File: path, Message: err.Error()}}}
	}
	return parse(path, filepath.Dir(abs), data, c)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, plainError(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return data, nil
}

// plainError is err without the path, which the reader of the message knows.
func plainError(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// parse checks the text of a config file; relative paths start at folder.
func parse(file, folder string, data []byte, c Checks) (*Config, error) {
	if c.Lookup == nil {
		c.Lookup = os.LookupEnv
	}
	d := newDecoder(file, folder, c.Lookup)
	cfg := Defaults()
	root, err := d.document(data)
	if err != nil {
		return nil, err
	}
	if root != nil {
		d.decode(root, cfg)
	}
	ck := checker{decoder: d, Checks: c, cfg: cfg}
	ck.all()
	if err := newError(d.problems); err != nil {
		return nil, err
	}
	return cfg, nil
}

// document gives the root node, nil for a file that holds comments at most.
func (d *decoder) document(data []byte) (*yaml.Node, error) {
	var docs []yaml.Node
	if err := yaml.Load(data, &docs, yaml.WithAllDocuments()); err != nil {
		return nil, &Error{[]Problem{d.syntax(err)}}
	}
	if len(docs) == 0 {
		return nil, nil
	}
	root := &docs[0]
	if len(docs) > 1 {
		d.at(&docs[1], "", "a second document begins here; the file must hold one")
	}
	if root.Kind == yaml.DocumentNode && len(root.Content) > 0 {
		root = root.Content[0]
	}
	if root.Kind == 0 || root.Kind == yaml.DocumentNode { // a lone "---"
		return nil, nil
	}
	return root, nil
}

// syntax makes a Problem of the YAML reader's error.
func (d *decoder) syntax(err error) Problem {
	p := Problem{File: d.file, Line: 1, Column: 1, Message: "not YAML: " + err.Error()}
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		p.Message = "not YAML: " + e.Message
		if e.ContextMsg != "" {
			p.Message += " " + e.ContextMsg
		}
		p.Line, p.Column = max(e.Mark.Line, 1), max(e.Mark.Column, 1)
	}
	return p
}
