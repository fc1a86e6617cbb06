package keystore

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// fewKeys are private keys made once: PEM, and their fingerprints.
var fewKeys = sync.OnceValue(func() (list [4]struct {
	pem         []byte
	fingerprint string
},
) {
	for i := range list {
		key, err := GenerateRSA(MinBits)
		if err != nil {
			panic(err)
		}
		list[i].pem = EncodePEM(key)
		pub, err := ssh.NewPublicKey(&key.PublicKey)
		if err != nil {
			panic(err)
		}
		list[i].fingerprint = ssh.FingerprintSHA256(pub)
	}
	return list
})

// firstSigner gives the key that a server is asked first with.
func firstSigner(k *Keyring) (ssh.Signer, error) {
	list, err := k.Signers(ctx)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// names gives the keys of a ring as words: those that log in, and the staged one; a digit is one of fewKeys.
func names(t testing.TB, k *Keyring) string {
	t.Helper()
	word := func(s ssh.Signer) string {
		for i, key := range fewKeys() {
			if ssh.FingerprintSHA256(s.PublicKey()) == key.fingerprint {
				return fmt.Sprint(i)
			}
		}
		return "?"
	}
	var words []string
	signers, err := k.Signers(ctx)
	if err != nil && failureCode(err) != model.CodeKeyMissing {
		t.Fatal(err)
	}
	for _, s := range signers {
		words = append(words, word(s))
	}
	staged, err := k.Staged(ctx)
	switch {
	case err == nil:
		words = append(words, "staged", word(staged))
	case !errors.Is(err, model.ErrNotFound):
		words = append(words, "staged", failureCode(err))
	}
	return strings.Join(words, " ")
}

// do makes one change of the keys: a verb, and for some a digit of fewKeys.
func do(k *Keyring, verb string) (err error) {
	verb, arg, _ := strings.Cut(verb, " ")
	var text []byte
	if arg >= "0" && arg <= "9" {
		text = bytes.Clone(fewKeys()[arg[0]-'0'].pem)
	}
	switch verb {
	case "import":
		_, _, err = k.Import(ctx, text, nil)
	case "stage":
		_, _, err = k.Stage(ctx, text, nil)
	case "activate":
		_, err = k.Activate(ctx)
	case "rollback":
		_, err = k.Rollback(ctx)
	case "drop":
		err = k.Drop(ctx, model.KeyRole(arg))
	case "rewrap":
		_, err = k.Rewrap(ctx)
	default:
		panic(verb)
	}
	return err
}

func TestRoles(t *testing.T) {
	for _, c := range []struct{ steps, want, code string }{
		{"import 0", "0", ""},
		{"import 0, import 0", "0", ""},
		{"import 0, import 1", "1 0", ""},
		{"import 0, import 1, import 1", "1 0", ""},
		{"import 0, import 1, import 0", "0 1", ""},
		{"import 0, import 1, import 2", "2 1", ""},
		{"import 0, stage 1", "0 staged 1", ""},
		{"import 0, stage 1, stage 1", "0 staged 1", ""},
		{"import 0, stage 1, stage 2", "0 staged 2", ""},
		{"import 0, stage 0", "0", CodeActive},
		{"import 0, stage 1, stage 0", "0 staged 1", CodeActive},
		{"import 0, stage 1, import 1", "1 0", ""},
		{"import 0, stage 1, import 2", "2 0 staged 1", ""},
		{"import 0, stage 1, activate", "1 0", ""},
		{"import 0, stage 1, activate, activate", "1 0", CodeNotStaged},
		{"import 0, stage 1, activate, rollback", "0 1", ""},
		{"import 0, stage 1, activate, rollback, rollback", "1 0", ""},
		{"import 0, stage 1, activate, rollback, stage 1", "0 1 staged 1", ""},
		{"import 0, stage 1, activate, rollback, stage 1, activate", "1 0", ""},
		{"import 0, stage 1, activate, rollback, stage 1, rollback", "1 0", ""},
		{"import 0, stage 1, activate, rollback, stage 1, drop previous", "0 staged 1", ""},
		{"import 0, stage 1, activate, stage 2, activate", "2 1", ""},
		{"import 0, stage 1, activate, drop previous", "1", ""},
		{"import 0, stage 1, activate, drop previous, rollback", "1", CodeNoPrevious},
		{"import 0, stage 1, drop staged", "0", ""},
		{"import 0, stage 1, drop staged, activate", "0", CodeNotStaged},
		{"import 0, drop staged", "0", CodeNotStaged},
		{"import 0, drop previous", "0", CodeNoPrevious},
		{"import 0, drop active", "0", CodeActive},
		{"import 0, rollback", "0", CodeNoPrevious},
		{"activate", "", CodeNotStaged},
		{"stage 0", "staged 0", ""},
		{"stage 0, activate", "0", ""},
		{"import 0, stage 1, activate, stage 2, rewrap", "1 0 staged 2", ""},
	} {
		mem, dir := &memory{}, t.TempDir()
		k, err := Open(ctx, Options{Vault: mem, DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for step := range strings.SplitSeq(c.steps, ", ") {
			if err != nil {
				t.Errorf("%s: before the last step: %v", c.steps, err)
			}
			err = do(k, step)
		}
		if got := code(t, err); got != c.code {
			t.Errorf("%s: %v, want %q", c.steps, err, c.code)
		}
		if got, want := errors.Is(err, model.ErrNotFound), c.code == CodeNotStaged || c.code == CodeNoPrevious; got != want {
			t.Errorf("%s: not found is %v", c.steps, got)
		}
		again, err := Open(ctx, Options{Vault: mem, DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for when, k := range map[string]*Keyring{"": k, " and a restart": again} {
			if got := names(t, k); got != c.want {
				t.Errorf("%s%s: keys are %q, want %q", c.steps, when, got, c.want)
			}
		}
	}
}

func TestActivateKeyIsForThatKeyAlone(t *testing.T) {
	k := openManaged(t, &memory{})
	for _, step := range []string{"import 0", "stage 1", "stage 2"} {
		if err := do(k, step); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.ActivateKey(ctx, fewKeys()[1].fingerprint); code(t, err) != CodeNotStaged || !strings.Contains(err.Error(), fewKeys()[2].fingerprint) {
		t.Error(err)
	}
	info, err := k.ActivateKey(ctx, fewKeys()[2].fingerprint)
	if err != nil || info.Fingerprint != fewKeys()[2].fingerprint || info.Role != model.KeyActive || names(t, k) != "2 0" {
		t.Errorf("%+v, %v, %s", info, err, names(t, k))
	}
}

func TestInfos(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	k, err := Open(ctx, Options{Vault: &memory{}, DataDir: t.TempDir(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := k.Infos(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	for _, step := range []string{"import 0", "import 1", "stage 2"} {
		c.at = c.at.Add(time.Hour)
		if err := do(k, step); err != nil {
			t.Fatal(err)
		}
	}
	list, err := k.Infos(ctx)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []struct {
		role model.KeyRole
		key  int
		hour time.Duration
	}{{model.KeyActive, 1, 2}, {model.KeyStaged, 2, 3}, {model.KeyPrevious, 0, 1}} {
		got := list[i]
		if got.Role != want.role || got.Fingerprint != fewKeys()[want.key].fingerprint || got.Bits != MinBits || got.Source != "managed" ||
			!got.InstalledAt.Equal(time.Unix(1e9, 0).Add(want.hour*time.Hour)) {
			t.Errorf("%+v", got)
		}
	}
	if info, err := k.Info(ctx); err != nil || info != list[0] {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := k.StageNew(ctx, 1024); code(t, err) != CodeTooShort {
		t.Error(err)
	}
	info, err := k.StageNew(ctx, 2048)
	if err != nil || info.Role != model.KeyStaged || names(t, k) != "1 0 staged ?" {
		t.Errorf("%+v, %v, %s", info, err, names(t, k))
	}
}

func TestKeyFromAFileHasNoRoles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/key", fewKeys()[0].pem, 0o600)
	k, err := Open(ctx, Options{File: dir + "/key"})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"import 1", "stage 1", "activate", "rollback", "drop staged", "drop previous", "rewrap"} {
		if err := do(k, step); code(t, err) != CodeManagedByConfig {
			t.Errorf("%s: %v", step, err)
		}
	}
	list, err := k.Infos(ctx)
	if err != nil || len(list) != 1 || list[0].Role != model.KeyActive || list[0].Source != "file" || names(t, k) != "0" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := k.Master(ctx); !errors.Is(err, model.ErrNotFound) {
		t.Error(err)
	}
}

// A previous or staged key that does not open is said to be so, takes no other one along, and goes.
func TestOneKeyOfSeveralDoesNotOpen(t *testing.T) {
	for _, role := range []model.KeyRole{model.KeyStaged, model.KeyPrevious} {
		mem, dir := &memory{}, t.TempDir()
		o := Options{Vault: mem, DataDir: dir}
		k, err := Open(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []string{"import 0", "import 1", "stage 2"} {
			if err := do(k, step); err != nil {
				t.Fatal(err)
			}
		}
		i := slices.IndexFunc(mem.keys, func(s model.SealedKey) bool { return s.Role == role })
		mem.keys[i].Cipher = bytes.Repeat([]byte{1}, 100)
		if k, err = Open(ctx, o); err != nil {
			t.Fatal(err)
		}
		want := map[model.KeyRole]string{model.KeyStaged: "1 0 staged key_missing", model.KeyPrevious: "1 staged 2"}[role]
		if got := names(t, k); got != want {
			t.Errorf("%s: keys are %q, want %q", role, got, want)
		}
		list, err := k.Infos(ctx)
		if err != nil || len(list) != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, info := range list {
			if says := strings.Contains(info.Warning, "issuetrail key drop "+string(role)); says != (info.Role == role) || info.Bits != MinBits || info.Fingerprint == "" {
				t.Errorf("%+v", info)
			}
		}
		for _, step := range []string{map[model.KeyRole]string{model.KeyStaged: "activate", model.KeyPrevious: "rollback"}[role], "rewrap"} {
			if err := do(k, step); failureCode(err) != model.CodeKeyMissing {
				t.Errorf("%s: %v", step, err)
			}
		}
		if err := k.Drop(ctx, role); err != nil {
			t.Error(err)
		}
		if err := do(k, "rewrap"); err != nil {
			t.Error(err)
		}
	}
}

// Nothing of a private key or a master key is in what a log would print of anything.
func TestNothingPrintsAKey(t *testing.T) {
	mem, dir := &memory{}, t.TempDir()
	k, err := Open(ctx, Options{Vault: mem, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"import 0", "import 1", "stage 2"} {
		if err := do(k, step); err != nil {
			t.Fatal(err)
		}
	}
	m, err := k.masters()
	if err != nil {
		t.Fatal(err)
	}
	signers, _ := k.Signers(ctx)
	set := k.cur.Load()
	things := []any{
		k, k.cur.Load(), *set, set.held, set.order, *set.first, set.first, signers, signers[0], set.first.signer,
		m, m[0], &m[0],
		struct{ M masters }{m},
		mem.keys,
		KeyError{CodeActive, "x"},
		roles{},
		byRole(mem.keys),
	}
	var secrets []string
	for _, c := range fewKeys() {
		key, _, err := source{text: bytes.Clone(c.pem)}.parse()
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range secretNumbers(key) {
			secrets = append(secrets, n...)
		}
	}
	secrets = append(secrets, fmt.Sprint([32]byte(m[0])), fmt.Sprintf("%x", [32]byte(m[0])), fmt.Sprintf("%#v", [32]byte(m[0]))[10:80])
	for _, thing := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, thing)
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s of a %T shows a key", verb, thing)
				}
			}
		}
	}
}

// secretNumbers are the beginnings of the private numbers of a key in the forms they are printed in.
func secretNumbers(key *rsa.PrivateKey) (list [][]string) {
	for _, n := range append(key.Primes, key.D) {
		words := fmt.Sprintf("%#v", n.Bits())
		bytes := fmt.Sprint(n.Bytes())
		list = append(list, []string{n.String()[:40], n.Text(16)[:40], words[len(words)-60:], bytes[1:60], fmt.Sprint(n.Bits())[1:60]})
	}
	return list
}

// What is said of a key that cannot be staged must not lead to one that is in use at once.
func TestAdviceWhileStaging(t *testing.T) {
	k, err := Open(ctx, Options{Vault: &memory{}, DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "ssh-rsa AAAA me"} {
		_, _, err := k.Stage(ctx, []byte(text), nil)
		if code(t, err) == "" || strings.Contains(err.Error(), "key import") || strings.Contains(err.Error(), "key generate") {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}
