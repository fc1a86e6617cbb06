package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// projectKey is the widest shape that Jira can be set to; Cloud is stricter.
var projectKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,254}$`)

func (c *checker) issues() {
	is := &c.cfg.Issues
	c.projects("issues.projects", is.Projects)
	for _, old := range slices.Sorted(maps.Keys(is.Aliases)) {
		path := join("issues.aliases", old)
		c.project(path, old)
		if is.Aliases[old] == "" {
			c.again(path, "is empty; want the new project key")
		} else {
			c.project(path, is.Aliases[old])
		}
	}
	is.Aliases = c.flatten(is.Aliases)
}

func (c *checker) projects(path string, keys []string) {
	for i, key := range keys {
		c.project(index(path, i), key)
	}
}

func (c *checker) project(path, key string) {
	if projectKey.MatchString(key) {
		return
	}
	hint := ""
	if up, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(key)), "-"); up != key && projectKey.MatchString(up) {
		hint = suggestion(up)
	}
	c.again(path, "%s is not a project key: upper-case letters, digits and _, first a letter%s", quote(key), hint)
}

// flatten follows each chain of renames to its end.
func (c *checker) flatten(aliases map[string]string) map[string]string {
	flat := make(map[string]string, len(aliases))
	for old, target := range aliases {
		for range aliases {
			if next, ok := aliases[target]; ok && target != old {
				target = next
			}
		}
		if _, more := aliases[target]; more {
			c.again(join("issues.aliases", old), "comes back to itself, so that %s has no new name", quote(old))
		}
		flat[old] = target
	}
	if len(flat) == 0 {
		return nil
	}
	return flat
}
