package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
)

// An installScript is what `issuetrail hook install-script --json` prints.
type installScript struct {
	Kind       string `json:"kind"`
	Host       string `json:"host"`        // entry of the config; "" = none was taken
	URL        string `json:"url"`         // that the script calls
	SecretFile string `json:"secret_file"` // that the script reads, on the git server
	CopyOf     string `json:"copy_of"`     // webhook_secret_file of the entry; "" = none was taken
	Place      string `json:"place"`       // where the script goes, a sentence
	Script     string `json:"script"`
	Out        string `json:"out,omitempty"` // file that it was written to
}

const (
	exampleURL = "https://trail.example.com" // where nothing says the address

	// hookSecret is where a script looks for the secret. It is never the daemon's own file: that
	// one is for the daemon alone to read, and the config refuses it otherwise.
	hookSecret = "/etc/issuetrail-hook/secret"
)

// hookCommand is `issuetrail hook install-script`.
func hookCommand() *cobra.Command {
	return group("hook", "Prints the hook scripts for servers that have no webhooks", hookScript())
}

// scriptKinds are the kinds of host that are told of pushes by a script of ours.
func scriptKinds() []string {
	return slices.DeleteFunc(hosts.Kinds(), func(kind string) bool {
		_, ok := hosts.ScriptOf(kind)
		return !ok
	})
}

func hookScript() *cobra.Command {
	kinds := scriptKinds()
	c := &cobra.Command{
		Use: "install-script " + strings.Join(kinds, "|"), Short: "Prints the script that tells of pushes, with address and secret file filled in",
		Long: "Prints the script that tells issuetrail of pushes, with the webhook's address and the path of the secret's file filled in.\n" +
			"Where both go is said on stderr.\n\n" +
			"The address is that of the config's entry of that kind, unless --url says another. The file is a copy of the entry's webhook_secret_file\n" +
			"for the account that runs the hook: " + hookSecret + ", unless --secret-file says another. It works without a daemon, and\n" +
			"without a config; then the address is an example to replace.",
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), ValidArgs: kinds,
	}
	c.Flags().String("host", "", "entry of hosts to take the address of")
	c.Flags().String("url", "", "address of the webhook, https://…/webhooks/NAME")
	c.Flags().String("secret-file", "", "path of the secret's file on the git server")
	c.Flags().String("out", "", "write the script to this file instead of printing it")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := makeScript(cmd, args[0])
		if err != nil {
			return err
		}
		if s.Out != "" {
			if err := writeScript(s.Out, s.Script); err != nil {
				return err
			}
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), s)
		}
		if s.Out == "" {
			fmt.Fprint(cmd.OutOrStdout(), s.Script)
		}
		s.explain(cmd.ErrOrStderr())
		return nil
	}
	return withConfig(c)
}

// explain says where the script and the secret go.
func (s installScript) explain(w io.Writer) {
	from := "the file that webhook_secret_file of the entry names"
	if s.CopyOf != "" {
		from = s.CopyOf
	}
	fmt.Fprintf(w, "It calls %s.\nPlace: %s\nSecret: %s, a copy of the first line of %s that the account which runs the hook can read, and nobody else.\n"+
		"On the git server, with the account's name for git; paste the line, then press Enter and Ctrl-D:\n"+
		"  sudo install -d -m 0755 %s && sudo install -m 0400 -o git /dev/stdin %s\n", s.URL, s.Place, s.SecretFile, from, filepath.Dir(s.SecretFile), s.SecretFile)
}

// makeScript fills in what flags and config say.
func makeScript(cmd *cobra.Command, kind string) (s installScript, err error) {
	flag := func(name string) string { v, _ := cmd.Flags().GetString(name); return v }
	script, _ := hosts.ScriptOf(kind)
	s = installScript{Kind: kind, Place: script.Place, URL: exampleURL + "/webhooks/" + kind, SecretFile: hookSecret, Out: flag("out")}
	if flag("url") == "" || flag("host") != "" {
		if err := s.fromConfig(cmd, flag("host")); err != nil {
			return s, err
		}
	}
	if u := flag("url"); u != "" {
		if err := checkHookURL(u); err != nil {
			return s, wrongUsage(cmd, fmt.Errorf("--url: %w", err))
		}
		s.URL = u
	}
	if f := flag("secret-file"); f != "" {
		if !filepath.IsAbs(f) || strings.ContainsFunc(f, func(r rune) bool { return r < ' ' }) {
			return s, wrongUsage(cmd, errors.New("--secret-file: want an absolute path: a hook runs in the folder of its repository"))
		}
		s.SecretFile = f
	}
	s.Script = script.Install(s.URL, s.SecretFile)
	return s, nil
}

func checkHookURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("want https://HOST/webhooks/NAME")
	}
	return nil
}

// fromConfig takes the address and the secret's file of the entry of that name, or of the only
// one of the kind. A config that nobody asked for and that cannot be read is left alone,
// with a note: often only the daemon may read its secrets.
func (s *installScript) fromConfig(cmd *cobra.Command, name string) error {
	asked, _ := cmd.Flags().GetString("config")
	cfg, err := loadConfig(configPath(cmd))
	switch {
	case err != nil && (asked != "" || name != ""):
		return err
	case errors.Is(err, errNoConfig):
		fmt.Fprintln(cmd.ErrOrStderr(), "There is no config here: the address is an example; give it with --url.")
		return nil
	case err != nil:
		fmt.Fprintf(cmd.ErrOrStderr(), "The config is not used, for it cannot be read:\n%v\nThe address is an example; give it with --url.\n", err)
		return nil
	}
	base := publicURL(cfg.Server, nil)
	e, err := scriptEntry(cfg, s.Kind, name)
	if err != nil {
		return wrongUsage(cmd, err)
	}
	if e == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "The config has no entry of hosts of kind %s yet: the name in the address is an example.\n", s.Kind)
		s.URL = base + "/webhooks/" + s.Kind
		return nil
	}
	s.Host, s.URL = e.Name, base+"/webhooks/"+e.Name
	s.CopyOf = e.WebhookSecretFile
	return nil
}

// scriptEntry gives the named entry, or the only one of the kind; nil = there is none.
func scriptEntry(cfg *config.Config, kind, name string) (found *config.Host, err error) {
	var names []string
	for i, h := range cfg.Hosts {
		switch {
		case name != "" && h.Name == name && h.Kind != kind:
			return nil, fmt.Errorf("--host: %s is of kind %s, not %s", name, h.Kind, kind)
		case name == h.Name || name == "" && h.Kind == kind:
			found = &cfg.Hosts[i]
			names = append(names, h.Name)
		}
	}
	switch {
	case name != "" && found == nil:
		return nil, fmt.Errorf("--host: no entry of hosts is named %q", name)
	case len(names) > 1:
		return nil, fmt.Errorf("several entries of hosts are of kind %s; name one with --host: %s", kind, strings.Join(names, ", "))
	}
	return found, nil
}

// writeScript writes the script, executable where it is a program. It replaces an older one of
// ours, and nothing else.
func writeScript(path, text string) error {
	old, err := os.ReadFile(path)
	switch {
	case err == nil && !bytes.Contains(old, []byte("issuetrail")):
		return hinted(fmt.Errorf("%s is there already, and it is another script", path),
			"call both from one hook, or move the other away")
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("--out: %w", err)
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(text, "#!") {
		mode = 0o755
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}
