package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// A keyStatusReport is what `issuetrail key status --json` prints.
type keyStatusReport struct {
	wire.KeyStatus
	Checks []wire.KeyCheck `json:"checks"` // of the repositories over SSH that are not suspended; empty when no key is staged
}

func keyStatus() *cobra.Command {
	c := &cobra.Command{
		Use: "status", Short: "Shows the keys, the health of each server, and who accepts the staged key", Args: cobra.NoArgs,
		Long: "Shows the keys; for each server its host key, how the key signs there, the last sync that worked and how many\n" +
			"repositories can be reached; and, while a key is staged, which repositories do not accept it yet and what mends that.",
	}
	c.Flags().Bool("check", false, "try all servers now, and wait for that")
	return remote(c, func(cmd *cobra.Command, d *client.Client, _ []string) error {
		if check, _ := cmd.Flags().GetBool("check"); check {
			if err := checkAndWait(cmd, d); err != nil {
				return err
			}
		}
		report, err := readKeyStatus(cmd, d)
		if err != nil {
			return err
		}
		if asJSON(cmd) {
			return printJSON(cmd.OutOrStdout(), report)
		}
		return printKeyStatus(cmd.OutOrStdout(), report)
	})
}

// checkAndWait has the daemon try the keys, and returns when it has.
func checkAndWait(cmd *cobra.Command, d *client.Client) error {
	if _, err := d.CheckKey(cmd.Context()); err != nil {
		return err
	}
	bar := newProgress(cmd.ErrOrStderr())
	defer bar.end()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := d.KeyStatus(cmd.Context())
		if err != nil || !s.Checking {
			return err
		}
		bar.say(fmt.Sprintf("trying the keys; staged: %d of %d", s.Accepted, s.Expected))
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case <-tick.C:
		}
	}
}

func readKeyStatus(cmd *cobra.Command, d *client.Client) (keyStatusReport, error) {
	s, err := d.KeyStatus(cmd.Context())
	report := keyStatusReport{KeyStatus: s, Checks: []wire.KeyCheck{}}
	if err != nil || s.Staged == nil {
		return report, err
	}
	for c, err := range d.KeyChecks(cmd.Context()) {
		if err != nil {
			return report, err
		}
		report.Checks = append(report.Checks, c)
	}
	return report, nil
}

func printKeyStatus(out io.Writer, r keyStatusReport) error {
	if err := printKeys(out, r.KeyStatus); err != nil {
		return err
	}
	if len(r.Servers) == 0 {
		_, err := fmt.Fprintln(out, "\nno repositories; add one: issuetrail repo add URL")
		return err
	}
	fmt.Fprintln(out)
	if err := serverTable(out, r.Servers); err != nil {
		return err
	}
	printServerNotes(out, r.Servers)
	if r.Staged == nil {
		return nil
	}
	return printRefusals(out, r)
}

func printKeys(out io.Writer, s wire.KeyStatus) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, k := range []struct {
		role string
		key  *wire.KeptKey
	}{{"active", s.Active}, {"staged", s.Staged}, {"previous", s.Previous}} {
		switch {
		case k.key != nil:
			fmt.Fprintf(w, "%s\t%s\t%s %d\tsince %s\n", k.role, k.key.Fingerprint, strings.ToUpper(k.key.Type), k.key.Bits, when(k.key.InstalledAt))
			if k.key.Warning != "" {
				fmt.Fprintf(w, "\twarning: %s\n", plain(k.key.Warning))
			}
		case k.role == "active":
			fmt.Fprintf(w, "active\tnone; make one: issuetrail key generate\n")
		}
	}
	return w.Flush()
}

// signings are the columns of the matrix: how an RSA key signs, and what that is called.
var signings = []struct{ algorithm, head string }{{"rsa-sha2-512", "SHA-512"}, {"rsa-sha2-256", "SHA-256"}, {"ssh-rsa", "SHA-1"}}

// serverTable is the health matrix.
func serverTable(out io.Writer, servers []wire.KeyServer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "SERVER\tHOST")
	for _, s := range signings {
		fmt.Fprint(w, "\t"+s.head)
	}
	fmt.Fprintln(w, "\tHOST KEY\tLAST SUCCESS\tREACHABLE\tSTAGED KEY")
	for _, s := range servers {
		name := s.Server
		if s.Scheme != "ssh" {
			name = s.Scheme + "://" + name
		}
		fmt.Fprintf(w, "%s\t%s", name, plain(s.Host))
		for _, how := range signings {
			fmt.Fprint(w, "\t"+signing(s, how.algorithm))
		}
		reachable := fmt.Sprintf("%d of %d", s.Repositories.Reachable, s.Repositories.Total-s.Repositories.Suspended)
		if n := s.Repositories.Suspended; n > 0 {
			reachable += fmt.Sprintf(", %d suspended", n)
		}
		staged := "-"
		if k := s.StagedRepos; k != nil {
			staged = fmt.Sprintf("%d of %d", k.Accepted, k.Accepted+k.Refused+k.Untried)
		}
		fmt.Fprintf(w, "\t%s\t%s\t%s\t%s\n", hostKeyCell(s), moment(s.LastSuccess), reachable, staged)
	}
	return w.Flush()
}

// signing says whether the key signs in a way at a server: it did, it may, or it never does.
func signing(s wire.KeyServer, algorithm string) string {
	switch {
	case s.Tried != nil && s.Tried.Algorithm == algorithm && s.Tried.Key != "":
		return "in use"
	case s.Tried != nil && s.Tried.Algorithm == algorithm:
		return "refused"
	case slices.Contains(s.Algorithms, algorithm):
		return "may be"
	}
	return "-"
}

// hostKeyCell is the host key that the server showed last or, else, the first one that is trusted.
func hostKeyCell(s wire.KeyServer) string {
	if s.Scheme != "ssh" {
		return "-"
	}
	i := 0
	if s.Tried != nil && s.Tried.HostKey != "" {
		if i = slices.IndexFunc(s.HostKeys, func(k wire.ServerKey) bool { return k.Fingerprint == s.Tried.HostKey }); i < 0 {
			return s.Tried.HostKey
		}
	}
	if len(s.HostKeys) == 0 {
		return "none is trusted"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", s.HostKeys[i].Type, s.HostKeys[i].Fingerprint, s.HostKeys[i].Source))
}

// printServerNotes says why repositories of a server cannot be reached, why the last login failed, and where
// the previous key is needed.
func printServerNotes(out io.Writer, servers []wire.KeyServer) {
	for _, s := range servers {
		if s.PreviousNeeded {
			note(out, s.Server+"  works with the previous key where the active one does not", activeHint)
		}
		for _, f := range s.Failures {
			note(out, fmt.Sprintf("%s  %s: %s", s.Server, count(f.Repositories, "repository"), f.Code), f.Hint)
		}
		if t := s.Tried; t != nil && !t.OK && !slices.ContainsFunc(s.Failures, func(f wire.FailedRepos) bool { return f.Code == t.Code }) {
			note(out, fmt.Sprintf("%s  tried %s: %s: %s", s.Server, when(t.At), t.Code, plain(t.Detail)), t.Hint)
		}
	}
}

func note(out io.Writer, text, hint string) {
	fmt.Fprintf(out, "\n%s\n", text)
	if hint != "" {
		fmt.Fprintf(out, "    hint: %s\n", plain(hint))
	}
}

// shownRefusals bounds the list of repositories that do not accept the staged key.
const shownRefusals = 50

func printRefusals(out io.Writer, r keyStatusReport) error {
	fmt.Fprintf(out, "\nThe staged key is accepted by %d of %s over SSH.\n", r.Accepted, count(r.Expected, "repository"))
	refused, untried, shown := 0, 0, 0
	hint := ""
	for _, c := range r.Checks {
		switch {
		case c.Staged == nil:
			untried++
			continue
		case *c.Staged == "ok":
			continue
		}
		if refused++; shown == shownRefusals {
			continue
		}
		shown++
		active := ""
		if c.Active != nil && *c.Active != "ok" {
			active = " (the last sync failed, too: " + *c.Active + ")"
		}
		fmt.Fprintf(out, "    %s  %s: %s%s\n", plain(c.Repository), *c.Staged, plain(c.Detail), active)
		if c.Hint != "" && c.Hint != hint {
			hint = c.Hint
			fmt.Fprintf(out, "        hint: %s\n", plain(hint))
		}
	}
	if refused > shown {
		fmt.Fprintf(out, "    and %d more; --json has them all\n", refused-shown)
	}
	if untried > 0 {
		fmt.Fprintf(out, "%s not tried yet; it is tried in the background, or now: issuetrail key status --check\n", count(untried, "repository"))
	}
	if slices.ContainsFunc(r.Checks, func(c wire.KeyCheck) bool { return c.Staged != nil && *c.Staged == model.CodeAuthFailed }) {
		fmt.Fprintf(out, "The staged public key, to be added there:\n%s\n", r.Staged.PublicKey)
	}
	return nil
}
