package model

import "testing"

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		template string
		values   map[string]string
		want     string
	}{
		{"", map[string]string{"hash": "a"}, ""},
		{"https://h/c/{hash}", map[string]string{"hash": "abc"}, "https://h/c/abc"},
		{"https://h/t/{branch}", map[string]string{"branch": `a/"><svg>?#`}, "https://h/t/a/%22%3E%3Csvg%3E%3F%23"},
		{"https://h/t/{branch:all}", map[string]string{"branch": "a/b c"}, "https://h/t/a%2Fb%20c"},
		{"https://h/?p=x;h={branch}", map[string]string{"branch": "a/b&c;d"}, "https://h/?p=x;h=a%2Fb%26c%3Bd"},
		{"https://h/t/{branch}", map[string]string{"branch": "x/../../y"}, ""},
		{"https://h/t/{branch:all}", map[string]string{"branch": ".."}, ""},
		{"https://h/t/{branch}", map[string]string{"branch": "a..b/...c"}, "https://h/t/a..b/...c"},
		{"https://h/{path}[#L{line}]", map[string]string{"path": "a b/c.go", "line": "7"}, "https://h/a%20b/c.go#L7"},
		{"https://h/{path}[#L{line}]", map[string]string{"path": "a"}, "https://h/a"},
		{"https://[::1]/{path}[?a={line}&b={line}]", map[string]string{"path": "a", "line": "2"}, "https://[::1]/a?a=2&b=2"},
		{"https://h/[{hash}", map[string]string{"hash": "x"}, "https://h/[x"},
		{"https://h/{hash}/{unknown}", map[string]string{"hash": "{path}"}, "https://h/%7Bpath%7D/"},
	} {
		if got := Expand(c.template, c.values); got != c.want {
			t.Errorf("%s: got %s, want %s", c.template, got, c.want)
		}
	}
	if got, want := FillTemplate("https://h/{repo}/{hash}[#{line}]", map[string]string{"repo": "a/{hash}"}), "https://h/a/%7Bhash%7D/{hash}[#{line}]"; got != want {
		t.Errorf("FillTemplate: %s", got)
	}
}

func TestCheckTemplate(t *testing.T) {
	for template, ok := range map[string]bool{
		"{web}/c/{hash}": true, "https://h/{repo}?id={hash}": true, "http://h/{hash:all}[#{hash}]": true,
		"/c/{hash}": false, "javascript:alert({hash})": false, "//h/{hash}": false, "{repo}/{hash}": false,
		"{web}/{nonsense}": false, "{web}/{Hash}": false, "{web}/{hash": false, "{web}/ {hash}": false, `{web}/"{hash}`: false, "": false,
	} {
		if err := CheckTemplate(template, "web", "repo", "hash"); (err == nil) != ok {
			t.Errorf("%q: %v", template, err)
		}
	}
}

func TestAddressURL(t *testing.T) {
	for in, want := range map[string]string{
		"git@github.com:acme/app.git":            "git@github.com:acme/app.git",
		"ssh://git@github.com/acme/app.git":      "ssh://git@github.com/acme/app.git",
		"git@h:/srv/a.git":                       "ssh://git@h/srv/a.git",
		"ssh://bot@h:2222/a%20b.git":             "ssh://bot@h:2222/a%20b.git",
		"ssh://git@[::1]:22/a.git":               "ssh://git@[::1]:22/a.git",
		"git@ssh.dev.azure.com:v3/o/My%20P/repo": "git@ssh.dev.azure.com:v3/o/My%20P/repo",
	} {
		a, err := ParseAddress(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.URL(); got != want {
			t.Errorf("%s: %s", in, got)
		}
		if b, err := ParseAddress(a.URL()); err != nil || b != a {
			t.Errorf("%s: read back as %+v, %v", in, b, err)
		}
	}
}
