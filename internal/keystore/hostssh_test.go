package keystore

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/testssh"
)

// A hostWorld has real servers, authorities, and the keys of others.
type hostWorld struct {
	dir     string
	servers []*certServer
	ca      [2]string // public keys of authorities, as a file has them
	other   map[string]string
}

// certServer is a real sshd whose Ed25519 key may have a certificate.
type certServer struct {
	name string
	sshd *testssh.Server
	keys map[string]string // public keys by type, as a file has them
}

// first is the type that a client asks for first.
func (s *certServer) first() string {
	if s.keys["ed25519"] == "" {
		return "rsa"
	}
	return "ed25519"
}

// keyText makes a key with ssh-keygen and gives its public half.
func keyText(t *testing.T, file, keyType string) string {
	t.Helper()
	run(t, "ssh-keygen", "-q", "-N", "", "-t", keyType, "-f", file)
	return publicText(t, file+".pub")
}

func publicText(t *testing.T, file string) string {
	t.Helper()
	return strings.Join(strings.Fields(string(readAll(t, file)))[:2], " ")
}

func newHostWorld(t *testing.T) *hostWorld {
	w := &hostWorld{dir: t.TempDir(), other: map[string]string{}}
	for i := range w.ca {
		w.ca[i] = keyText(t, fmt.Sprintf("%s/ca%d", w.dir, i), []string{"ed25519", "ecdsa"}[i])
	}
	for _, k := range []string{"ed25519", "ecdsa", "rsa"} {
		w.other[k] = keyText(t, w.dir+"/other-"+k, k)
	}
	all := []string{"ed25519", "ecdsa", "rsa"}
	w.start(t, "one key", []string{"ed25519"}, nil)
	w.start(t, "all keys", all, nil)
	w.start(t, "rsa alone", []string{"rsa"}, nil)
	for name, args := range map[string][]string{
		"certificate":     {"-n", "git.example.com"},
		"two names":       {"-n", "x.example.com,git.example.com"},
		"any name":        {},
		"wildcard name":   {"-n", "*.example.com"},
		"another name":    {"-n", "x.example.com"},
		"with port":       {"-n", "[git.example.com]:7999"},
		"expired":         {"-n", "git.example.com", "-V", "20200101:20210101"},
		"to come":         {"-n", "git.example.com", "-V", "20990101:20990201"},
		"critical option": {"-n", "git.example.com", "-O", "critical:force@example.com=x"},
	} {
		w.start(t, name, all[:2], append([]string{"-h"}, args...))
	}
	w.start(t, "of a user", all[:2], []string{"-n", "git.example.com"})
	slices.SortFunc(w.servers, func(a, b *certServer) int { return strings.Compare(a.name, b.name) })
	return w
}

// start runs a server; with signing arguments its Ed25519 key gets a certificate of the first authority.
func (w *hostWorld) start(t *testing.T, name string, types, sign []string) {
	t.Helper()
	dir := filepath.Join(w.dir, fmt.Sprint("server", len(w.servers)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &certServer{name: name, keys: map[string]string{}}
	var config, files []string
	for _, k := range types {
		s.keys[k] = keyText(t, dir+"/"+k, k)
		files = append(files, dir+"/"+k)
	}
	if sign != nil {
		run(t, "ssh-keygen", append(append([]string{"-q", "-s", w.dir + "/ca0", "-I", "host"}, sign...), dir+"/ed25519.pub")...)
		config = append(config, "HostCertificate "+dir+"/ed25519-cert.pub")
	}
	s.sshd = testssh.Start(t, testssh.Options{HostKeyFiles: files, Config: config})
	w.servers = append(w.servers, s)
}

// text gives a known_hosts text of one to four lines: names, markers and keys of all sorts, mixed at random.
func (w *hostWorld) text(t *testing.T, r *rand.Rand, s *certServer) string {
	names := []string{
		"git.example.com", "[git.example.com]:7999", "*", "*.example.com", "GIT.example.com", "git.example.co?", "[git.example.com]:*", "[*]:7999",
		"git.example.com,[git.example.com]:7999", "*,!git.example.com", "*,!*.example.com", "!other.example.com,*.example.com", "x.example.com", "[git.example.com]:22",
		"git.example.com:7999", "HASH git.example.com", "HASH [git.example.com]:7999", "HASH x.example.com", "!git.example.com", "10.0.0.1,git.example.com", "git.*.com",
	}
	var keys []string
	for _, k := range s.keys {
		keys = append(keys, k, k, k)
	}
	slices.Sort(keys)
	keys = append(keys, w.other["ed25519"], w.other["ecdsa"], w.other["rsa"], w.ca[0])
	var b strings.Builder
	for range 1 + r.IntN(4) {
		name, marker, key := names[r.IntN(len(names))], "", keys[r.IntN(len(keys))]
		switch r.IntN(6) {
		case 0, 1:
			marker, key = "@cert-authority ", w.ca[r.IntN(5)/4]
		case 2:
			if r.IntN(2) == 0 {
				marker = "@revoked "
			}
		}
		if plain, ok := strings.CutPrefix(name, "HASH "); ok {
			name = w.hash(t, plain)
		}
		b.WriteString(marker + name + " " + key + "\n")
	}
	return b.String()
}

// hash has ssh-keygen hash a name; each one once.
func (w *hostWorld) hash(t *testing.T, name string) string {
	file := filepath.Join(w.dir, "hash"+strings.Map(func(r rune) rune {
		if strings.ContainsRune("[]:", r) {
			return '_'
		}
		return r
	}, name))
	if _, err := os.Stat(file); err != nil {
		write(t, file, []byte(name+" "+w.other["rsa"]+"\n"), 0o600)
		run(t, "ssh-keygen", "-q", "-H", "-f", file)
		if out := run(t, "ssh-keygen", "-F", name, "-f", file); !strings.Contains(out, w.other["rsa"]) {
			t.Fatalf("ssh-keygen -F does not find %s: %s", name, out)
		}
	}
	return strings.Fields(string(readAll(t, file)))[0]
}

// proxyTo is the variable with the server that a process of this program connects its standard input and output
// to: so ssh can be made to believe that a server has another name and port.
const proxyTo = "HOSTSSH_PROXY_TO"

func TestProxyProcess(t *testing.T) {
	to := os.Getenv(proxyTo)
	if to == "" {
		return // a run of the tests
	}
	c, err := net.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(c, os.Stdin)
		os.Exit(0)
	}()
	_, _ = io.Copy(os.Stdout, c)
	os.Exit(0)
}

// theirs is the verdict of the real ssh on a server that it takes for git.example.com:port.
func theirs(t *testing.T, file string, s *certServer, port string, more ...string) (ok bool, said string) {
	cmd := exec.Command("ssh", append([]string{
		"-F", "none", "-p", port, "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "PreferredAuthentications=none", "-o", "IdentityAgent=none",
		"-o", "UserKnownHostsFile=" + file, "-o", "GlobalKnownHostsFile=/dev/null", "-o", "UpdateHostKeys=no",
		"-o", fmt.Sprintf("ProxyCommand=env %s=%s %s -test.run=^TestProxyProcess$", proxyTo, s.sshd.HostPort(), os.Args[0]),
	}, append(more, "git.example.com", "true")...)...)
	out, _ := cmd.CombinedOutput()
	said = string(out)
	switch {
	case strings.Contains(said, "Permission denied"): // it got as far as the login
		return true, said
	case strings.Contains(said, "Host key verification failed"), strings.Contains(said, "no matching host key type"):
		return false, said
	}
	t.Errorf("ssh: %s", said)
	return false, said
}

// ours is the verdict of KnownHosts, asked as the room mirror asks it.
func ours(t *testing.T, k *KnownHosts, s *certServer, port string) (ok bool, said string) {
	host := "git.example.com:" + port
	algorithms := k.Algorithms(host)
	for _, a := range []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256} {
		if !slices.Contains(algorithms, a) {
			algorithms = append(algorithms, a)
		}
	}
	var refusal error
	c, err := ssh.Dial("tcp", s.sshd.HostPort(), &ssh.ClientConfig{
		User: "nobody", HostKeyAlgorithms: algorithms, Timeout: 10 * time.Second,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			refusal = k.Check(host, key)
			return refusal
		},
	})
	if err == nil {
		c.Close()
		t.Error("logged in without a key")
	}
	if refusal != nil {
		return false, refusal.Error()
	}
	return strings.Contains(err.Error(), "unable to authenticate"), err.Error()
}

// The real ssh and KnownHosts give the same verdict: for every server each of many known_hosts texts, at the port 22 and
// at another one, read from a file and imported into the database.
func TestVerdictsAreOpenSSHs(t *testing.T) {
	t.Parallel()
	w := newHostWorld(t)
	const texts = 14
	type job struct {
		s    *certServer
		n    int
		text string
	}
	var jobs []job
	for i, s := range w.servers {
		r := rand.New(rand.NewPCG(uint64(i), 4))
		jobs = append(jobs,
			job{s, 0, "@cert-authority *.example.com " + w.ca[0] + "\n"},
			job{s, 1, "@cert-authority *.example.com " + w.ca[0] + "\n@revoked * " + s.keys[s.first()] + "\n"},
			job{s, 2, "@cert-authority * " + w.ca[0] + "\n@revoked *.example.com " + w.ca[0] + "\n"})
		for n := range texts {
			jobs = append(jobs, job{s, 3 + n, w.text(t, r, s)})
		}
	}
	var mu sync.Mutex
	count := map[bool]int{}
	var wg sync.WaitGroup
	queue := make(chan job)
	for range 4 {
		wg.Go(func() {
			for j := range queue {
				port := []string{"22", "7999"}[j.n%2]
				file := filepath.Join(w.dir, fmt.Sprintf("known_%d_%d", j.s.sshd.Port, j.n))
				if err := os.WriteFile(file, []byte(j.text), 0o600); err != nil {
					t.Error(err)
				}
				k, err := NewKnownHosts(ctx, KnownHostsOptions{File: file})
				if err != nil {
					t.Errorf("%v\n%s", err, j.text)
					continue
				}
				want, said := theirs(t, file, j.s, port)
				got, why := ours(t, k, j.s, port)
				if got && !want && len(k.Algorithms("git.example.com:"+port)) > 0 && len(j.s.keys) > 1 {
					// ssh does not look at lines without a port when it picks what it asks for; asked for the same, it agrees.
					want, said = theirs(t, file, j.s, port, "-o", "HostKeyAlgorithms="+strings.Join(k.Algorithms("git.example.com:"+port), ","))
				}
				if got != want {
					t.Errorf("server %q, port %s: ssh says %t, we say %t (%s)\n%s%s", j.s.name, port, want, got, why, j.text, said)
				}
				db := &KnownHosts{o: KnownHostsOptions{Trust: &memory{}, Now: time.Now}}
				done, err := db.Import(context.Background(), j.text)
				if got, why := ours(t, db, j.s, port); err != nil || got != want {
					t.Errorf("server %q, port %s: imported, we say %t (%s), want %t; %v\n%s\n%+v", j.s.name, port, got, why, want, err, j.text, done.LeftOut)
				}
				mu.Lock()
				count[want]++
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wg.Wait()
	t.Logf("%d accepted, %d refused", count[true], count[false])
	if count[true] < 40 || count[false] < 40 {
		t.Errorf("%d accepted and %d refused say too little", count[true], count[false])
	}
}
