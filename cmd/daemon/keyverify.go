package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

func keyVerify() *cobra.Command {
	c := &cobra.Command{
		Use: "verify URL…", Short: "Connects to repositories step by step, and says what fails and what mends it", Args: cobra.MinimumNArgs(1),
		Long: "Has the daemon connect to each repository, whether it was added or not: name, TCP, host key, login, repository, refs and\n" +
			"protocol, each step with its time. Where one fails, it says why and what mends it on that host. Exit status 1 if any failed.",
	}
	return remote(c, func(cmd *cobra.Command, d *client.Client, urls []string) error {
		bar := newProgress(cmd.ErrOrStderr())
		defer bar.end()
		results, ok := []repositoryCheck{}, true
		for _, url := range urls {
			bar.say("trying " + shownURL(url))
			test, err := d.TestConnection(cmd.Context(), url)
			if err != nil {
				return err
			}
			bar.end()
			ok = ok && test.OK
			results = append(results, repositoryCheck{URL: withoutPassword(url), TestResult: test})
			if !asJSON(cmd) {
				if err := printTest(cmd.OutOrStdout(), results[len(results)-1], publicKey(cmd, d, url, test)); err != nil {
					return err
				}
			}
		}
		if asJSON(cmd) {
			if err := printJSON(cmd.OutOrStdout(), results); err != nil {
				return err
			}
		}
		if !ok {
			return errors.New("not every repository can be reached")
		}
		return nil
	})
}

// publicKey is the key that a person adds to the server, where that may mend what failed; else "".
func publicKey(cmd *cobra.Command, d *client.Client, url string, test wire.TestResult) string {
	a, err := model.ParseAddress(url)
	if err != nil || a.HTTPS() || test.Code != model.CodeAuthFailed && test.Code != model.CodeNotFound {
		return ""
	}
	k, err := d.Key(cmd.Context())
	if err != nil {
		return "" // the hint says how it is shown
	}
	return k.PublicKey
}

// printTest prints the steps of a connection test and, where it failed, what mends it.
func printTest(out io.Writer, r repositoryCheck, key string) error {
	word := "ok      "
	if !r.OK {
		word = "failed  "
	}
	fmt.Fprintf(out, "%s%s\n", word, shownURL(r.URL))
	if err := printSteps(out, r.Steps); err != nil {
		return err
	}
	if r.OK {
		return nil
	}
	fmt.Fprintf(out, "        %s: %s\n", r.Code, plain(r.Detail))
	if r.Hint != "" {
		fmt.Fprintf(out, "        hint: %s\n", plain(r.Hint))
	}
	if key != "" {
		fmt.Fprintf(out, "        public key: %s\n", key)
	}
	return nil
}

// shownURL is what a person gave as a URL, fit to be printed.
func shownURL(url string) string { return plain(withoutPassword(url)) }

// withoutPassword takes the password out of what is refused for having one, and the user name before an https:// host,
// where people put tokens: output ends up in logs.
func withoutPassword(url string) string {
	url = model.KeptURL(url)
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		scheme, rest = "", url
	} else {
		scheme += "://"
	}
	user, after, found := strings.Cut(rest, ":")
	at := strings.LastIndexByte(after, '@')
	if port, _, _ := strings.Cut(after, "/"); !found || at < 0 || strings.ContainsAny(user, "@/") || scheme != "" && strings.Trim(port, "0123456789") == "" {
		return url // git@host:path, or host:22/path@x
	}
	return scheme + user + ":…" + after[at:]
}

func printSteps(out io.Writer, steps []wire.TestStep) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		word := "ok"
		if !s.OK {
			word = "failed"
		}
		fmt.Fprintf(w, "        %s\t%s\t%.1f ms\t%s\n", word, s.Name, s.DurationMS, plain(s.Detail))
	}
	return w.Flush()
}
