package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reference is ${NAME}, or $${ which stands for ${ itself.
var reference = regexp.MustCompile(`\$?\$\{[^}]*\}?`)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} in a value from the environment and $${ by ${. The
// second result says whether a variable was used. What comes in is not looked at again.
func (d *decoder) expand(n *yaml.Node, path string) (string, bool) {
	if !strings.Contains(n.Value, "${") {
		return n.Value, false
	}
	used := false
	text := reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		if rest, ok := strings.CutPrefix(ref, "$$"); ok {
			return "$" + rest
		}
		name, closed := strings.CutSuffix(ref[2:], "}")
		if !closed || !variable.MatchString(name) {
			d.at(n, path, "%s is not ${NAME}; write $${ for a plain ${", quote(ref))
			return ref
		}
		used = true
		value, ok := d.lookup(name)
		if !ok {
			hint := ""
			if name == credentials {
				hint = "; systemd sets it for the service, with LoadCredential= in a drop-in. Without that write the path of the file, such as /etc/issuetrail/github"
			}
			d.at(n, path, "the environment variable %s is not set%s", name, hint)
		}
		return value
	})
	return text, used
}
