package keystore

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A hostStatus is what known lines say of a key.
type hostStatus int

// The same words as OpenSSH has, where they are HOST_NEW and so on.
const (
	hostNew hostStatus = iota
	hostOK
	hostChanged
	hostRevoked
)

// A verdict is hostOK, or what stands against a key.
type verdict struct {
	status hostStatus
	key    ssh.PublicKey     // that was judged last: of a certificate that does not hold, the key in it
	pins   []model.KnownHost // known instead, where it is hostChanged
	fault  string            // of the certificate, "" where there was none
}

// judge says whether the server may be trusted by its key or certificate. It is what
// check_host_key of OpenSSH's sshconnect.c does with StrictHostKeyChecking=yes; a test compares the two.
func (t *trusted) judge(hostport string, key ssh.PublicKey, now func() time.Time) verdict {
	host, port, _ := net.SplitHostPort(hostport)
	elsewhere := func(ssh.PublicKey) hostStatus { return hostNew }
	if port != "22" {
		elsewhere = func(key ssh.PublicKey) hostStatus {
			return t.round(host, t.about(host, true), key, now, func(ssh.PublicKey) hostStatus { return hostNew }).status
		}
	}
	return t.round(host, t.about(fileName(hostport), false), key, now, elsewhere)
}

// round judges by some lines. elsewhere says of a key of which they know nothing what the lines
// without a port do; that another key stands there does not count. A certificate that does not hold is no worse than its key alone.
func (t *trusted) round(host string, lines []hostLine, key ssh.PublicKey, now func() time.Time, elsewhere func(ssh.PublicKey) hostStatus) verdict {
	v := verdict{}
	for {
		v.key = key
		if v.status, v.pins = statusOf(lines, key); v.status == hostNew {
			if s := elsewhere(key); s == hostOK || s == hostRevoked {
				v.status = s
				return v
			}
		}
		cert, isCert := key.(*ssh.Certificate)
		switch {
		case v.status == hostOK && isCert:
			fault := certFault(cert, host, now)
			if fault == "" {
				return v
			}
			v.fault = fault
		case v.status == hostOK, v.status == hostRevoked:
			return v
		}
		if !isCert {
			return v
		}
		key = cert.Key
	}
}

// statusOf is OpenSSH's check_hostkeys_by_key_or_type.
func statusOf(lines []hostLine, key ssh.PublicKey) (status hostStatus, pins []model.KnownHost) {
	cert, isCert := key.(*ssh.Certificate)
	blobs, marker := [][]byte{key.Marshal()}, ""
	if isCert {
		blobs, marker = [][]byte{cert.SignatureKey.Marshal(), cert.Key.Marshal()}, markAuthority
	}
	for _, l := range lines {
		is := func(blob []byte) bool { return bytes.Equal(l.blob, blob) }
		switch {
		case l.marker == markRevoked && slices.ContainsFunc(blobs, is):
			return hostRevoked, nil
		case l.marker != marker:
		case is(blobs[0]):
			status = hostOK
		case !isCert:
			pins = append(pins, l.shown)
		}
	}
	if status == hostNew && len(pins) > 0 {
		status = hostChanged
	}
	return status, pins
}

// certFault says why a certificate by a trusted authority does not hold for a host; "" = it does.
func certFault(cert *ssh.Certificate, host string, now func() time.Time) string {
	unix := now().Unix()
	switch {
	case cert.CertType != ssh.HostCert:
		return "is one of a user, not of a host"
	case cert.ValidAfter > uint64(unix):
		return fmt.Sprintf("holds from %s on", certTime(cert.ValidAfter))
	case cert.ValidBefore <= uint64(unix):
		return fmt.Sprintf("expired at %s", certTime(cert.ValidBefore))
	case len(cert.ValidPrincipals) > 0 && !slices.Contains(cert.ValidPrincipals, host):
		return fmt.Sprintf("is made for %.200q, not for %s", cert.ValidPrincipals, host)
	case len(cert.CriticalOptions) > 0:
		return "has critical options, and none is defined for hosts"
	case cert.Signature.Format == ssh.KeyAlgoRSA, cert.Signature.Format == "ssh-dss":
		return "is signed with SHA-1, which can be forged"
	}
	if err := (&ssh.CertChecker{Clock: now}).CheckCert(host, cert); err != nil {
		return "does not hold: " + err.Error()
	}
	return ""
}

func certTime(unix uint64) string { return time.Unix(int64(unix), 0).UTC().Format(time.RFC3339) }
