package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"unicode"

	"issuetrail/internal/model"
)

// maxTold bounds how much of a server's text gets into a failure, in bytes; cutMark is at the end of
// one that was longer.
const (
	maxTold = 600
	cutMark = "…"
)

func protocolError(format string, args ...any) *model.Failure {
	err := fmt.Errorf(format, args...)
	return &model.Failure{Code: model.CodeProtocol, Detail: err.Error(), Err: errors.Unwrap(err)}
}

func limitError(format string, args ...any) *model.Failure {
	return &model.Failure{
		Code: model.CodeLimitExceeded, Detail: fmt.Sprintf(format, args...),
		Hint: "the limits protect the daemon from hostile repositories; such a one cannot be followed",
	}
}

func timeoutError(format string, args ...any) *model.Failure {
	return &model.Failure{Code: model.CodeTimeout, Detail: fmt.Sprintf(format, args...)}
}

func unsupportedError() *model.Failure {
	return &model.Failure{
		Code:   model.CodeUnsupported,
		Detail: "the repository names its objects by SHA-256, which issuetrail cannot read yet",
		Hint:   "only repositories made with SHA-1, git's default, can be followed",
	}
}

// spoolError is for faults of our own disk.
func spoolError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &model.Failure{
			Code: model.CodeDiskFull, Detail: "write a temporary file: the disk is full", Err: err,
			Hint: "make room where the data folder lies; the sync repeats itself",
		}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("temporary file: %w", err)
	}
	return err
}

// dialError is for a TCP connection that did not come about.
func dialError(hostport string, err error) error {
	var forbidden *addressError
	var dns *net.DNSError
	switch {
	case errors.As(err, &forbidden):
		return &model.Failure{
			Code: model.CodeURLForbidden, Detail: fmt.Sprintf("%s: %v, which is refused by default", hostport, forbidden), Err: err,
			Hint: "if it is meant, add the address or its network to sync.allow_addresses in the config, and reload",
		}
	case errors.As(err, &dns):
		return &model.Failure{
			Code: model.CodeUnreachable, Detail: fmt.Sprintf("%s: the name cannot be resolved: %s", hostport, told(dns.Err)), Err: err,
			Hint: "check the host name in the URL and the DNS of this machine",
		}
	case isTimeout(err):
		return timeoutError("%s: no TCP connection within the time limit", hostport)
	}
	return &model.Failure{
		Code: model.CodeUnreachable, Detail: fmt.Sprintf("%s: %v", hostport, cause(err)), Err: err,
		Hint: "check the host name and the port in the URL, and the firewalls between",
	}
}

// cause takes off the layers that repeat addresses.
func cause(err error) error {
	var sys *os.SyscallError
	if errors.As(err, &sys) {
		return sys.Err
	}
	return err
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// errSilent is in the chain of the failure of a conversation that the server ended without a word.
var errSilent = errors.New("no word")

// refused is for a server that ends the conversation in its own words.
func refused(text string) *model.Failure {
	said := told(text)
	low := strings.ToLower(said)
	f := &model.Failure{Code: model.CodeProtocol, Detail: "the server said: " + said}
	switch {
	case said == "":
		f.Detail, f.Err = "the server ended the conversation without a word", errSilent
		f.Hint = "the account may not be allowed to run git-upload-pack; try: git ls-remote with the same key"
	case strings.Contains(low, "command not found"):
		f.Hint = "git is not installed on the server, or not in the account's PATH"
	case strings.Contains(low, "public key authentication failed"): // of a server that lets every key log in
		f.Code = model.CodeAuthFailed
		f.Hint = "add the public key to the account that shall read the repository; issuetrail key show prints it"
	case strings.Contains(low, "dubious ownership"):
		f.Code = model.CodeNotFound
		f.Hint = "the repository belongs to another account of the server; run there: git config --global --add safe.directory <path>"
	case containsAny(low, notFoundTexts):
		f.Code = model.CodeNotFound
		f.Hint = "check the path in the URL, and that the account of the shared key may read the repository"
	}
	return f
}

// notFoundTexts are what servers say of a repository that is absent or hidden,
// in lower case: git, gitolite, JGit and the big hosts.
var notFoundTexts = []string{
	"does not appear to be a git repository",
	"not a git repository",
	"not a git archive",
	"denied by fallthru",
	"not found",
	"does not exist",
	"could not be found",
	"cannot find repository",
	"no such repository",
	"no such project",
	"is not visible",
	"access denied",
	"permission denied",
	"not permitted",
	"you do not have access",
	"no such file or directory",
}

func containsAny(s string, texts []string) bool {
	for _, t := range texts {
		if strings.Contains(s, t) {
			return true
		}
	}
	return false
}

// told makes a server's text fit for a failure: one line, no control
// characters, bounded.
func told(s string) string {
	if len(s) > maxTold {
		s = s[:maxTold] + cutMark
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Join(strings.Fields(s), " ")
}
