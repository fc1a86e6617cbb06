package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"issuetrail/internal/api/client"
	"issuetrail/internal/demo"
	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// demoKey is the issue that the demo's push names.
const demoKey = "APP-7"

// demoCommand is `issuetrail demo`.
func demoCommand() *cobra.Command {
	c := &cobra.Command{Use: "demo", Short: "Shows the main job on this machine: a push over SSH becomes a linked commit"}
	c.Flags().Bool("once", false, "end after the print instead of waiting for Ctrl-C")
	c.Flags().String("listen", "127.0.0.1:8080", "address of the API; a free port is taken if this one is in use")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		once, _ := cmd.Flags().GetBool("once")
		listen, _ := cmd.Flags().GetString("listen")
		signal.Ignore(syscall.SIGPIPE) // "| head" must not leave folders behind
		err := runDemo(cmd.Context(), cmd.OutOrStdout(), listen, once)
		if err != nil && cmd.Context().Err() != nil {
			return errors.New("the demo was interrupted")
		}
		return err
	}
	return c
}

// runDemo makes a sample repository, serves it over SSH, starts the daemon on an
// empty SQLite database, pushes a commit, sends the delivery and prints the link.
func runDemo(ctx context.Context, out io.Writer, listen string, once bool) error {
	if _, err := exec.LookPath("git"); err != nil {
		return hinted(errors.New("the demo needs git, and there is none in the PATH"), "install the package git")
	}
	s, err := newStage(out)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.prepare(ctx, listen); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	address, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- s.app.run(ctx, func(a net.Addr) { address <- a }) }()
	select {
	case err := <-ended:
		return err
	case a := <-address:
		base := "http://" + a.String()
		if err := s.play(ctx, base); err != nil {
			stop()
			return errors.Join(err, <-ended)
		}
		if once {
			stop()
		}
		s.goodbye(base, once)
	}
	return <-ended
}

// play does what users and hosts do, and prints what comes of it.
func (s *stage) play(ctx context.Context, base string) error {
	s.say("The daemon answers at", base)
	d, err := client.New(client.Options{Socket: s.socket})
	if err != nil {
		return err
	}
	defer d.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.firstSync(ctx, d); err != nil {
		return err
	}
	message := demoKey + " Try issuetrail"
	update, err := s.repo.Push(message)
	if err != nil {
		return err
	}
	s.say("A commit is pushed:", update.New.String()[:12]+" "+message)
	req, err := demo.Delivery(base+"/webhooks/"+hosts.All()[0].Kind(), s.repo.Name, update, []byte(s.secret))
	if err != nil {
		return err
	}
	sent := time.Now()
	answer, err := http.DefaultClient.Do(req.WithContext(ctx))
	if err != nil {
		return err
	}
	_ = answer.Body.Close()
	s.say("The signed delivery is answered:", answer.Status)
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the delivery was not accepted: %s", answer.Status)
	}
	return s.waitForLink(ctx, d, update.New, sent)
}

// firstSync waits until the history that was there is indexed.
func (s *stage) firstSync(ctx context.Context, d *client.Client) error {
	return poll(ctx, func() (bool, error) {
		for r, err := range d.Repositories(ctx) {
			switch {
			case err != nil:
				return false, err
			case r.LastError != nil:
				return false, fmt.Errorf("the first sync failed: %s", r.LastError.Detail)
			case !r.LastSyncedAt.IsZero():
				s.say("Its history is indexed:", fmt.Sprintf("%d commits on %d refs, %d linked", r.Commits, r.Refs, r.LinkedCommits))
				return true, nil
			}
		}
		return false, nil
	})
}

func (s *stage) waitForLink(ctx context.Context, d *client.Client, hash model.Hash, sent time.Time) error {
	return poll(ctx, func() (bool, error) {
		issue, err := d.Issue(ctx, demoKey, false, 0, "")
		if err != nil {
			return false, err
		}
		for _, c := range issue.Commits {
			if c.Hash == hash.String() && c.BranchCount > 0 { // the branch comes last
				s.say("The commit is linked after", time.Since(sent).Round(time.Millisecond).String())
				fmt.Fprintln(s.out)
				printIssue(s.out, issue)
				return true, nil
			}
		}
		return false, nil
	})
}

// poll asks every 5 ms until the answer is yes.
func poll(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the demo waited for nothing: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// goodbye says where the issue's JSON is, and how to go on.
func (s *stage) goodbye(base string, once bool) {
	address := base + "/api/v1/issues/" + demoKey
	if once {
		fmt.Fprintf(s.out, "\nIts JSON was at %s\nWithout --once the daemon stays up, and answers there.\n", address)
		return
	}
	fmt.Fprintf(s.out, "\nIts JSON, with the admin token that the daemon made:\n  curl -H \"Authorization: Bearer $(cat %s)\" %s\n",
		filepath.Join(s.dir, "data", "admin-token"), address)
	fmt.Fprintf(s.out, "\nThe daemon stays up until Ctrl-C. Ask it, in another terminal:\n"+
		"  %[1]s issue %[2]s --socket %[3]s\n  %[1]s repo list --socket %[3]s\n", os.Args[0], demoKey, s.socket)
}
