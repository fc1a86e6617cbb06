package hosts

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var labBody = []byte(`{"object_kind":"push"}`)

func signed(secret string) http.Header {
	h := http.Header{}
	signStandard(h, labBody, secret)
	return h
}

func TestSigningTokenTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := signingSecret("one")
		for _, c := range []struct {
			after time.Duration // of receiving, after signing
			want  bool
		}{
			{0, true}, {5 * time.Minute, true}, {5*time.Minute + time.Second, false}, {24 * time.Hour, false},
		} {
			h := signed(secret)
			time.Sleep(c.after) // of the bubble's clock
			if err := (gitlab{}).Verify(h, labBody, secretOf(t, secret)); (err == nil) != c.want {
				t.Errorf("after %s: %v", c.after, err)
			}
		}
		now := time.Now().Unix()
		for _, stamp := range []string{
			fmt.Sprint(now + 301), fmt.Sprint(math.MaxInt64), fmt.Sprint(math.MinInt64), "", "x", "1e9",
			" " + fmt.Sprint(now), "99999999999999999999999", fmt.Sprint(now) + ".0",
		} {
			h := signed(secret)
			h.Set(stdTime, stamp)
			h.Set(stdSignature, standardSignature(h, labBody, secret))
			if err := (gitlab{}).Verify(h, labBody, secretOf(t, secret)); !errors.Is(err, ErrSignature) {
				t.Errorf("time %q: %v", stamp, err)
			}
		}
	})
}

func TestSigningTokenList(t *testing.T) {
	secret := signingSecret("one")
	right := signed(secret).Get(stdSignature)
	wrong := signed(signingSecret("two")).Get(stdSignature)
	for list, want := range map[string]bool{
		right + " " + wrong: true, wrong + " " + right: true, "v2,abc v1a,xyz " + right: true, "v1, " + right: true,
		wrong: false, strings.TrimPrefix(right, "v1,"): false, "v2" + right[2:]: false,
		strings.Repeat(wrong+" ", maxSignatures) + right: false, // too many
	} {
		h := signed(secret)
		h.Set(stdSignature, list)
		if err := (gitlab{}).Verify(h, labBody, secretOf(t, secret)); (err == nil) != want {
			t.Errorf("%.80q: %v", list, err)
		}
	}
	for _, name := range []string{stdID, stdTime} {
		h := signed(secret)
		h.Set(name, h.Get(name)+"0")
		if (gitlab{}).Verify(h, labBody, secretOf(t, secret)) == nil {
			t.Errorf("another %s", name)
		}
		h.Del(name)
		if (gitlab{}).Verify(h, labBody, secretOf(t, secret)) == nil {
			t.Errorf("no %s", name)
		}
	}
}

// TestSigningBesideToken: who sends a signature is held to it.
func TestSigningBesideToken(t *testing.T) {
	key, token := signingSecret("one"), "gitlab-token-of-more-than-32-bytes!"
	withToken := func(h http.Header, v string) http.Header { h.Set(labToken, v); return h }
	broken := signed(signingSecret("two"))
	empty := http.Header{stdSignature: {""}}
	for what, c := range map[string]struct {
		h      http.Header
		secret Secret
		want   bool
	}{
		"right signature, right token":         {withToken(signed(key), token), secretOf(t, key, token), true},
		"right signature, wrong token":         {withToken(signed(key), "no"), secretOf(t, key, token), true},
		"wrong signature, right token":         {withToken(broken, token), secretOf(t, key, token), false},
		"empty signature, right token":         {withToken(empty, token), secretOf(t, key, token), false},
		"no signature, right token":            {withToken(http.Header{}, token), secretOf(t, key, token), true},
		"signature we have no key for":         {withToken(broken, token), secretOf(t, token), true},
		"signing token sent as token":          {withToken(http.Header{}, key), secretOf(t, key), false},
		"signing token sent as token, of two":  {withToken(http.Header{}, key), secretOf(t, key, token), false},
		"signing token that is no base64":      {signed(key), secretOf(t, "whsec_!!"), false},
		"signing token that is empty":          {signed("whsec_"), secretOf(t, "whsec_"), false},
		"empty signing token, its text":        {withToken(http.Header{}, "whsec_"), secretOf(t, "whsec_"), false},
		"signing token without base64 padding": {signed(key), secretOf(t, strings.TrimRight(key, "=")), true},
		"neither signature nor token":          {http.Header{}, secretOf(t, key, token), false},
	} {
		if err := (gitlab{}).Verify(c.h, labBody, c.secret); (err == nil) != c.want {
			t.Errorf("%s: %v", what, err)
		}
	}
}
