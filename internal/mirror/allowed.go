package mirror

import (
	"net/netip"

	"issuetrail/internal/model"
)

// Allowed says whether an address may be dialled as far as its text tells: a name is
// not resolved here, that is the dial's own check. allow is sync.allow_addresses.
// The error is a *model.Failure of code url_forbidden.
func Allowed(a model.Address, allow []netip.Prefix) error {
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		return nil
	}
	if err := checkAddr(ip, allow); err != nil {
		return dialError(a.HostPort(), err)
	}
	return nil
}
