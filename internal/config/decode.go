package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// maxValues bounds the values that are read, so that aliases cannot multiply
// a small file into a large one.
const maxValues = 200_000

// A decoder walks the nodes of the file beside the structs of Config. The library's
// own decoder stops at the first mistake of a mapping and loses columns.
type decoder struct {
	file, folder string
	lookup       func(string) (string, bool)
	problems     []Problem
	places       map[string]*yaml.Node // where each path stands
	values       int
}

func newDecoder(file, folder string, lookup func(string) (string, bool)) *decoder {
	return &decoder{file: file, folder: folder, lookup: lookup, places: map[string]*yaml.Node{}}
}

// at notes a problem at a node.
func (d *decoder) at(n *yaml.Node, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// problem notes a problem at a path, or at the nearest of its parents that stands in the file.
func (d *decoder) problem(path, format string, args ...any) {
	for p := path; ; {
		if n, ok := d.places[p]; ok {
			d.at(n, path, format, args...)
			return
		}
		i := strings.LastIndexAny(p, ".[")
		if i < 0 {
			d.at(&yaml.Node{}, path, format, args...)
			return
		}
		p = p[:i]
	}
}

func (d *decoder) decode(root *yaml.Node, cfg *Config) {
	d.value(root, reflect.ValueOf(cfg).Elem(), "", rules{})
}

// value reads one node into v. A null leaves v, the default, as it is.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, r rules) {
	if d.values++; d.values > maxValues {
		if d.values == maxValues+1 {
			d.at(n, path, "more than %d values", maxValues)
		}
		return
	}
	if path != "" {
		d.places[path] = n
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[netip.Prefix]() {
			d.scalar(n, v, path, r)
			return
		}
		d.mapping(n, v, path)
	case reflect.Map:
		d.table(n, v, path)
	case reflect.Slice:
		d.list(n, v, path, r)
	default:
		d.scalar(n, v, path, r)
	}
}

// mapping reads a struct: known keys, each once, the required ones given.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	d.pairs(n, path, func(key, value *yaml.Node, sub string) {
		f, ok := fields[key.Value]
		if !ok {
			d.at(key, sub, "%s", unknownKey(key.Value, v.Type(), fields))
			return
		}
		d.value(value, v.Field(f.index), sub, f.rules)
	})
	for name, f := range fields {
		if f.required && v.Field(f.index).IsZero() {
			d.missing(n, join(path, name))
		}
	}
}

// missing notes a required key that is not there, or empty. One whose value was
// refused already is left alone.
func (d *decoder) missing(n *yaml.Node, path string) {
	at, ok := d.places[path]
	switch {
	case !ok:
		d.at(n, path, "is required")
	case !d.refused(path):
		d.at(at, path, "is required, and empty")
	}
}

// refused says whether a problem was noted at exactly this path.
func (d *decoder) refused(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Path == path })
}

// table reads a map of texts.
func (d *decoder) table(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(key, value *yaml.Node, sub string) {
		text := reflect.New(v.Type().Elem()).Elem()
		d.value(value, text, sub, rules{})
		v.SetMapIndex(reflect.ValueOf(key.Value), text)
	})
}

// pairs calls fn for each key of a mapping, the first time it is met.
func (d *decoder) pairs(n *yaml.Node, path string, fn func(key, value *yaml.Node, sub string)) {
	if n.Kind != yaml.MappingNode {
		d.at(n, path, "is %s; want keys and values", describe(n))
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		sub := join(path, key.Value)
		switch tag := key.ShortTag(); {
		case tag == "!!merge":
			d.at(key, path, "merge keys (<<) are not supported; write the keys out")
		case key.Kind != yaml.ScalarNode || tag != "!!str":
			d.at(key, path, "a key is %s; want text", describe(key))
		case seen[key.Value] != nil:
			d.at(key, sub, "stands twice, first in line %d", seen[key.Value].Line)
		default:
			seen[key.Value] = key
			fn(key, value, sub)
		}
	}
}

// list reads a sequence. Each entry starts with its own defaults.
func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, r rules) {
	if n.Kind != yaml.SequenceNode {
		d.at(n, path, "is %s; want a list", describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, min(len(n.Content), 1000)))
	for i, entry := range n.Content {
		item := reflect.New(v.Type().Elem())
		if def, ok := item.Interface().(interface{ setDefaults() }); ok {
			def.setDefaults()
		}
		sub := index(path, i)
		if entry.Kind == yaml.ScalarNode && entry.ShortTag() == "!!null" {
			d.at(entry, sub, "is empty")
			continue
		}
		d.value(entry, item.Elem(), sub, r)
		v.Set(reflect.Append(v, item.Elem()))
	}
}

// scalar reads a text, a number, a duration, yes or no, or a network.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, r rules) {
	if n.Kind != yaml.ScalarNode {
		d.at(n, path, "is %s; want %s", describe(n), wanted(v))
		return
	}
	before := len(d.problems)
	text, expanded := d.expand(n, path)
	if len(d.problems) > before && v.Kind() == reflect.String {
		v.SetString(text) // what is wrong is said; that there is no such file would be said of half a path
		return
	}
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	// An unquoted ${NAME} may stand for a number, as any other unquoted text does.
	if tag := n.ShortTag(); tag != "!!str" && !(expanded && plain) && !takes(v, tag) {
		d.at(n, path, "is %s; want %s%s", describe(n), wanted(v), quoteHint(v))
		return
	} else if tag == "!!str" && !(expanded && plain) && (v.Kind() == reflect.Bool || v.Kind() == reflect.Int) {
		d.at(n, path, "is text; want %s", wanted(v))
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *string:
		d.text(n, p, text, path, r)
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			d.at(n, path, "want true or false")
		}
		*p = b
	case *int:
		d.number(n, p, text, path, r)
	case *time.Duration:
		d.duration(n, p, text, path)
	case *netip.Prefix:
		d.network(n, p, text, path)
	}
}

// takes says whether a node of this YAML tag can be read as v.
func takes(v reflect.Value, tag string) bool {
	return v.Type() == reflect.TypeFor[int]() && tag == "!!int" || v.Kind() == reflect.Bool && tag == "!!bool"
}

func (d *decoder) text(n *yaml.Node, p *string, text, path string, r rules) {
	switch {
	case strings.ContainsRune(text, 0):
		d.at(n, path, "holds a NUL character")
		return
	case len(r.enum) > 0 && !(text == "" && *p == ""):
		d.word(n, p, text, path, r.enum)
		return
	case r.path != "" && text != "":
		text = d.pathTo(n, text, path, r.path)
	}
	*p = text
}

// word reads one of a few words.
func (d *decoder) word(n *yaml.Node, p *string, text, path string, words []string) {
	for _, w := range words {
		if w == text {
			*p = text
			return
		}
	}
	d.at(n, path, "%s is not one of %s%s", quote(n.Value), strings.Join(words, ", "), didYouMean(text, words))
}

func (d *decoder) number(n *yaml.Node, p *int, text, path string, r rules) {
	i, err := strconv.ParseInt(text, 0, 32)
	if err != nil {
		d.at(n, path, "want a whole number")
		return
	}
	if r.max > 0 && (int(i) < r.min || int(i) > r.max) {
		d.at(n, path, "is %s; want %d to %d", quote(n.Value), r.min, r.max)
		return
	}
	*p = int(i)
}

func (d *decoder) duration(n *yaml.Node, p *time.Duration, text, path string) {
	v, err := time.ParseDuration(text)
	switch {
	case err != nil:
		d.at(n, path, "%s is not a duration; want a number with a unit, such as 15m, 90s or 1h30m", quote(n.Value))
	case v <= 0:
		d.at(n, path, "%s is not longer than nothing", quote(n.Value))
	default:
		*p = v
	}
}

// network reads a CIDR or a single address.
func (d *decoder) network(n *yaml.Node, p *netip.Prefix, text, path string) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		*p = netip.PrefixFrom(a, a.BitLen())
		return
	}
	v, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		d.at(n, path, "%s is not a network; want a CIDR such as 10.0.0.0/8 or fd00::/8", quote(n.Value))
	case v != v.Masked():
		d.at(n, path, "%s has bits behind its mask%s", quote(n.Value), suggestion(v.Masked().String()))
	default:
		*p = v
	}
}
