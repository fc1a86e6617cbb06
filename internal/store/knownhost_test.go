package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/model"
)

func TestKnownHosts(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		at := func(n int64) time.Time { return time.Unix(n, 0).UTC() }
		key := func(host, marker, print string) model.KnownHost {
			return model.KnownHost{Host: host, Marker: marker, Type: "ssh-ed25519", Key: []byte(print), Fingerprint: print, Source: "added", AddedAt: at(1)}
		}
		one, two := key("example.com:22", "", "SHA256:a"), key("example.com:22", "", "SHA256:b")
		gone, star, hashed := key("example.com:22", "revoked", "SHA256:a"), key("*.example.com,!x.example.com", "cert-authority", "SHA256:c"), key("|1|AbC=|dEf=", "", "SHA256:a")
		ok(t, s.ChangeKnownHosts(t.Context(), nil, []model.KnownHost{one, two, gone, star, hashed}))
		again := one
		again.AddedAt = at(2)
		ok(t, s.ChangeKnownHosts(t.Context(), nil, []model.KnownHost{again}))
		if got := must(s.KnownHosts(t.Context()))(t); !cmp.Equal(got, []model.KnownHost{star, one, two, gone, hashed}) {
			t.Errorf("known hosts are %+v", got)
		}
		three := key("example.com:22", "", "SHA256:d")
		ok(t, s.ChangeKnownHosts(t.Context(), []model.KnownHost{one, star, key("nowhere:22", "", "SHA256:a")}, []model.KnownHost{three}))
		if got := must(s.KnownHosts(t.Context()))(t); !cmp.Equal(got, []model.KnownHost{two, three, gone, hashed}) {
			t.Errorf("known hosts are %+v", got)
		}
		now := key("now:22", "", "SHA256:a")
		now.AddedAt = time.Time{}
		ok(t, s.ChangeKnownHosts(t.Context(), []model.KnownHost{two, three, gone, hashed}, []model.KnownHost{now}))
		if got := must(s.KnownHosts(t.Context()))(t); len(got) != 1 || time.Since(got[0].AddedAt) > time.Hour {
			t.Errorf("known hosts are %+v", got)
		}
	})
}
