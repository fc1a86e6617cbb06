package demo

import (
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func signer(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func dial(s *Server, key ssh.Signer) (*ssh.Client, error) {
	return ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{
		User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second,
	})
}

// The server lists the sample repository to its key, and to no other.
func TestServer(t *testing.T) {
	root := t.TempDir()
	repo, err := MakeRepo(root)
	if err != nil {
		t.Fatal(err)
	}
	key := signer(t)
	s, err := Serve(root, signer(t), key.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := dial(s, signer(t)); err == nil {
		t.Error("a foreign key was let in")
	}
	client, err := dial(s, key)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for command, want := range map[string]string{
		"git-upload-pack '/" + repo.Name + ".git'":   "refs/heads/feature/APP-12-login",
		"git-upload-pack '/../" + repo.Name + ".git": "",
		"id":                               "",
		"git-receive-pack '/acme/app.git'": "",
	} {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		session.Stdin = strings.NewReader("0000")
		out, err := session.Output(command)
		if (err == nil) != (want != "") || !strings.Contains(string(out), want) {
			t.Errorf("%s: %q, %v", command, out, err)
		}
	}
}

// A push moves main, and its delivery is signed.
func TestPush(t *testing.T) {
	repo, err := MakeRepo(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	u, err := repo.Push("APP-7 try it")
	if err != nil {
		t.Fatal(err)
	}
	if u.Old.IsZero() || u.New == u.Old {
		t.Errorf("main did not move: %v", u)
	}
	req, err := Delivery("http://127.0.0.1/webhooks/x", repo.Name, u, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(req.Body)
	if !strings.Contains(string(body), u.New.String()) || req.Header.Get("X-Hub-Signature-256") == "" || req.Method != http.MethodPost {
		t.Errorf("delivery %v %s", req.Header, body)
	}
}
