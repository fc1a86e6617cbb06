package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// The steps of a test, in their order. One that failed is the last; later ones were not reached.
const (
	StepDNS            = "dns"            // the host's name has addresses
	StepTCP            = "tcp"            // one of them may be dialled, and answers
	StepHostKey        = "host_key"       // the server's key is the trusted one
	StepAuthentication = "authentication" // the key logs in
	StepRepository     = "repository"     // the server knows it, and shows it to the key
	StepRefs           = "refs"           // branches and tags are listed
	StepProtocol       = "protocol"       // what the server's git can do
)

// A Step is one part of a test of a connection.
type Step struct {
	Name     string // one of the Step constants
	OK       bool
	Duration time.Duration
	Detail   string         // what was found or, if not OK, what was wrong; one line
	Failure  *model.Failure // why it is not OK, else nil
}

// A trail notes the steps of a test. Its methods do nothing where it is nil: nobody asks.
type trail struct {
	steps   []Step
	begun   time.Time // the step that runs now
	hostKey string    // fingerprint
	key     string    // fingerprint of ours, once it got in
	way     string    // the algorithm that signed
}

// step ends the step that runs, and the next one begins.
func (t *trail) step(name, detail string, err error) {
	t.stepAt(time.Now(), name, detail, err)
}

func (t *trail) stepAt(end time.Time, name, detail string, err error) {
	s := Step{Name: name, OK: err == nil, Duration: end.Sub(t.begun), Detail: detail}
	if err != nil {
		s.Failure = stepFailure(err)
		s.Detail = s.Failure.Detail
	}
	t.steps, t.begun = append(t.steps, s), end
}

// stepFailure is the failure of a step. A test whose time is over failed by that.
func stepFailure(err error) *model.Failure {
	if errors.Is(err, context.DeadlineExceeded) {
		return timeoutError("the time for the test ran out")
	}
	return model.AsFailure(err)
}

// dialling begins the trail; the dial must have the context that it gives.
func (t *trail) dialling(ctx context.Context, allow []netip.Prefix) context.Context {
	if t == nil {
		return ctx
	}
	t.begun = time.Now()
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{DNSDone: func(i httptrace.DNSDoneInfo) {
		if i.Err != nil {
			return // it is the dial's error, too
		}
		var found []string
		for _, a := range i.Addrs {
			if ip, ok := netip.AddrFromSlice(a.IP); ok {
				found = append(found, judged(ip.Unmap(), allow))
			}
		}
		t.step(StepDNS, strings.Join(found, ", "), nil)
	}})
}

// judged tells an address, and whether it may be dialled.
func judged(ip netip.Addr, allow []netip.Prefix) string {
	if checkAddr(ip, allow) != nil {
		return ip.String() + " (refused)"
	}
	return ip.String()
}

// dialled notes how the TCP connection came about, or why not.
func (t *trail) dialled(a model.Address, c *timedConn, err error, allow []netip.Prefix) {
	if t == nil {
		return
	}
	if len(t.steps) == 0 { // no name was asked for, or in vain
		ip, notIP := netip.ParseAddr(a.Host)
		if notIP != nil && err != nil {
			t.step(StepDNS, "", err)
			return
		}
		detail := ""
		if notIP == nil {
			detail = "no name: " + judged(ip, allow)
		}
		t.stepAt(t.begun, StepDNS, detail, nil)
	}
	detail := ""
	if err == nil {
		detail = c.RemoteAddr().String()
	}
	t.step(StepTCP, detail, err)
}

// loggedIn notes what came of the handshake.
func (t *trail) loggedIn(key ssh.PublicKey, o outcome, err error) {
	switch {
	case t == nil:
		return
	case o.hostKey == nil:
		t.step(StepHostKey, "", err)
		return
	}
	t.hostKey = ssh.FingerprintSHA256(o.hostKey)
	if cert, ok := o.hostKey.(*ssh.Certificate); ok { // people compare the key in it, as ssh-keygen does
		t.hostKey = ssh.FingerprintSHA256(cert.Key)
	}
	t.stepAt(o.judged, StepHostKey, o.hostKey.Type()+" "+t.hostKey, o.refusal)
	if o.refusal != nil {
		return
	}
	t.way = o.algorithm
	if t.way == "" {
		t.way = key.Type()
	}
	if err == nil {
		t.key = ssh.FingerprintSHA256(key)
	}
	t.step(StepAuthentication, fmt.Sprintf("%s, signed with %s", fingerprint(key), t.way), err)
}

// greeted notes what the server said of the repository, and of its git.
func (t *trail) greeted(a model.Address, err error) {
	switch f := (*model.Failure)(nil); {
	case !errors.As(err, &f):
	case f.Code == model.CodeAuthFailed: // a server that lets every key log in, and asks later
		last := &t.steps[len(t.steps)-1]
		last.OK, last.Failure, last.Detail, t.key = false, f, f.Detail, ""
		return
	case f.Code == model.CodeUnsupported:
		t.step(StepRepository, a.Path, nil)
		t.step(StepProtocol, "", err)
		return
	case f.Code == model.CodeLimitExceeded: // version 0 greets with the list
		t.step(StepRepository, a.Path, nil)
		t.step(StepRefs, "", err)
		return
	}
	t.step(StepRepository, a.Path, err)
}

// listed notes the list of refs, and what the session's git can do.
func (t *trail) listed(s *Session, list model.RefList, err error) {
	detail := fmt.Sprintf("%d branches and tags", len(list.Refs))
	if list.Default != "" {
		detail += ", " + strings.TrimPrefix(list.Default, model.HeadPrefix) + " is the default"
	}
	t.step(StepRefs, detail, err)
	if err == nil {
		detail = fmt.Sprintf("protocol %d, ", s.version)
		if !s.canFilter() {
			detail += "no "
		}
		detail += "filter"
		if a := s.agent(); a != "" {
			detail += ", " + a
		}
		t.step(StepProtocol, detail, nil)
	}
}
