package testssh

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// AzureOptions say which Azure DevOps is wanted.
type AzureOptions struct {
	NoFilter     bool // it offers no filter, as Azure DevOps Server of old
	RefuseFilter bool // it offers one and takes none of them
}

// azureFeatures is what ssh.dev.azure.com offers, with the blank before it: no ofs-delta,
// no include-tag, no agent (curl/curl#13899 has a trace of it).
const azureFeatures = " multi_ack thin-pack side-band side-band-64k no-progress multi_ack_detailed no-done shallow allow-tip-sha1-in-want"

// StartAzure runs an imitation of Azure DevOps around git's own upload-pack. As far as
// is known of the real one, it
//
//   - takes RSA keys only, with SHA-2 signatures, and whichever is offered first: it is the
//     command that then fails ("remote: Public key authentication failed.");
//   - speaks version 0 and refuses who announces neither multi_ack nor multi_ack_detailed;
//   - names repositories v3/organisation/project/repository, percent-encoded or not.
//
// They lie below Root under their decoded names, without ".git".
func StartAzure(tb testing.TB, o AzureOptions) *Host {
	tb.Helper()
	var h *Host
	h = StartHost(tb, HostOptions{
		AnyKey: true,
		Wrap:   func(c Conversation) int { return azure(c, o) },
		Folder: func(path string) string {
			name, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
			if err != nil || !strings.HasPrefix(name, "v3/") || strings.Count(name, "/") != 3 {
				return ""
			}
			return filepath.Join(h.Root, filepath.Clean("/"+name))
		},
	})
	return h
}

// azure hands on what client and git say, with other features, until the client asks
// for what Azure would refuse.
func azure(c Conversation, o AzureOptions) int {
	toGit, fromClient := io.Pipe()
	fromGit, toUs := io.Pipe()
	refused := make(chan string, 1)
	go func() {
		text := azureRequest(bufio.NewReader(c.In), fromClient, o)
		refused <- text
		if text != "" {
			fromGit.Close()
		}
		fromClient.Close()
	}()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		azureAnswer(bufio.NewReader(fromGit), c.Out, o)
		_, _ = io.Copy(io.Discard, fromGit)
	}()
	exit := c.Git(toGit, toUs)
	toGit.Close()
	toUs.Close()
	<-answered
	select {
	case text := <-refused:
		if text != "" {
			fmt.Fprintf(c.Err, "remote: \nremote: Your Git command did not succeed.\nremote: Details:\nremote: \tTF401041: The Git protocol sent is not as expected (%s).\nremote: \n", text)
			return 1
		}
	default:
	}
	return exit
}

// azureRequest copies the client's request to git and says why it is refused, if it is.
func azureRequest(in *bufio.Reader, out io.Writer, o AzureOptions) string {
	for first := true; ; {
		kind, line, err := packet(in)
		if err != nil {
			return ""
		}
		words := strings.Fields(string(line))
		switch {
		case kind == 0 && !first, len(words) == 0: // the wants are told
		case first && words[0] == "want":
			first = false
			if len(words) > 2 && !slices.Contains(words, "multi_ack") && !slices.Contains(words, "multi_ack_detailed") {
				return "Clients must support multi-ack."
			}
		case words[0] == "filter" && (o.RefuseFilter || o.NoFilter):
			return "The filter is not supported."
		}
		if _, err := writePacket(out, kind, line); err != nil {
			return ""
		}
	}
}

// azureAnswer copies git's answer with Azure's features in its first line.
func azureAnswer(in *bufio.Reader, out io.Writer, o AzureOptions) {
	kind, line, err := packet(in)
	if err != nil {
		return
	}
	if ref, features, ok := bytes.Cut(line, []byte{0}); ok {
		text := azureFeatures
		if !o.NoFilter {
			text += " filter"
		}
		for f := range strings.FieldsSeq(string(features)) {
			if strings.HasPrefix(f, "symref=HEAD:") {
				text += " " + f
			}
		}
		line = []byte(string(ref) + "\x00" + text + "\n")
	}
	if _, err := writePacket(out, kind, line); err == nil {
		_, _ = io.Copy(out, in)
	}
}

// packet reads one packet line; 1 is data, 0 a flush.
func packet(in *bufio.Reader) (kind int, line []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	n, err := strconv.ParseUint(string(head[:]), 16, 16)
	if err != nil || n < 4 {
		return 0, nil, err
	}
	line = make([]byte, n-4)
	_, err = io.ReadFull(in, line)
	return 1, line, err
}

func writePacket(out io.Writer, kind int, line []byte) (int, error) {
	if kind == 0 {
		return io.WriteString(out, "0000")
	}
	return fmt.Fprintf(out, "%04x%s", len(line)+4, line)
}
