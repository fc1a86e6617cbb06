package mirror

import (
	"fmt"
	"net/netip"
	"syscall"
)

// metadata are the addresses where clouds hand out credentials of the machine.
// 169.254.169.254 is link-local already.
var metadata = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"),
	netip.MustParseAddr("fd20:ce::254"),
	netip.MustParseAddr("100.100.100.200"),
	netip.MustParseAddr("168.63.129.16"), // Azure's, which is public by its number
	netip.MustParseAddr("192.0.0.192"),
}

// Prefixes that carry an IPv4 address in their last four bytes.
var (
	nat64       = netip.MustParsePrefix("64:ff9b::/96")
	compatible  = netip.MustParsePrefix("::/96")
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	broadcast   = netip.MustParseAddr("255.255.255.255")
)

// An addressError says that an address may not be dialled.
type addressError struct{ addr netip.Addr }

func (e *addressError) Error() string {
	return fmt.Sprintf("%s is a loopback, link-local, multicast or metadata address", e.addr)
}

// guard is a net.Dialer's Control: it sees the very address that is about to be
// dialled, after the name was resolved, so that no name can lead elsewhere
// between a check and the dial.
func guard(allow []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return checkAddr(ap.Addr(), allow)
	}
}

func checkAddr(a netip.Addr, allow []netip.Prefix) error {
	a = plainAddr(a)
	for _, p := range allow {
		if p.Masked().Contains(a) {
			return nil
		}
	}
	if forbidden(a) {
		return &addressError{a}
	}
	return nil
}

// plainAddr takes off the zone and unpacks an IPv4 address from IPv6.
func plainAddr(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	if nat64.Contains(a) || compatible.Contains(a) && !a.IsLoopback() && !a.IsUnspecified() {
		b := a.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

func forbidden(a netip.Addr) bool {
	for _, m := range metadata {
		if a == m {
			return true
		}
	}
	return a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() ||
		a.IsInterfaceLocalMulticast() || thisNetwork.Contains(a) || a == broadcast
}
