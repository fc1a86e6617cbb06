package testssh

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// This file is an SSH server as they were before RFC 8308 and 8332: RSA keys sign with SHA-1
// alone, and nothing is said of extensions. Neither OpenSSH nor x/crypto can be made to
// stay silent of server-sig-algs. It knows one algorithm of each kind and never exchanges
// keys again: enough for a test, and fit for nothing else.

// oldVersion is what the SSH server in GitBlit 1.10 calls itself.
const oldVersion = "SSH-2.0-SSHD-CORE-1.7.0"

// The messages of RFC 4252 to 4254 that an old server knows.
const (
	msgDisconnect, msgIgnore, msgUnimplemented, msgDebug  = 1, 2, 3, 4
	msgServiceRequest, msgServiceAccept                   = 5, 6
	msgKexInit, msgNewKeys, msgKexECDHInit, msgECDHReply  = 20, 21, 30, 31
	msgAuth, msgAuthFailure, msgAuthSuccess, msgAuthKeyOK = 50, 51, 52, 60
	msgGlobalRequest, msgRequestFailure                   = 80, 82
)

// An oldConn is one connection to such a server.
type oldConn struct {
	host    *Host
	in      *bufio.Reader
	session []byte // id of it

	read   sealing // used by the reading goroutine alone
	mu     sync.Mutex
	out    net.Conn // guarded by mu, as write
	write  sealing
	window *sync.Cond // of mu: a channel's window grew, or all is over
	over   bool
}

// A sealing is how one direction is protected; before the keys it is empty.
type sealing struct {
	seq    uint32
	stream cipher.Stream
	mac    []byte // key
}

func (s *sealing) sum(packet []byte) []byte {
	m := hmac.New(sha256.New, s.mac)
	_ = binary.Write(m, binary.BigEndian, s.seq)
	m.Write(packet)
	return m.Sum(nil)
}

// serveOld serves a connection to its end.
func (h *Host) serveOld(raw net.Conn, host ssh.Signer) {
	c := &oldConn{host: h, in: bufio.NewReader(raw), out: raw}
	c.window = sync.NewCond(&c.mu)
	if err := c.exchange(host.(ssh.AlgorithmSigner)); err != nil {
		return
	}
	if err := c.login(); err == nil {
		_ = c.channels()
	}
	c.mu.Lock()
	c.over = true
	c.window.Broadcast()
	c.mu.Unlock()
}

func (c *oldConn) send(packet []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendLocked(packet)
}

func (c *oldConn) sendLocked(payload []byte) error {
	const block = aes.BlockSize
	pad := block - (5+len(payload))%block
	if pad < 4 {
		pad += block
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	b = append(append(append(b, byte(pad)), payload...), make([]byte, pad)...)
	if c.write.stream != nil {
		mac := c.write.sum(b)
		c.write.stream.XORKeyStream(b, b)
		b = append(b, mac...)
	}
	c.write.seq++
	_, err := c.out.Write(b)
	return err
}

// receive gives the next message that means anything here.
func (c *oldConn) receive() ([]byte, error) {
	for {
		b := make([]byte, aes.BlockSize)
		if _, err := io.ReadFull(c.in, b); err != nil {
			return nil, err
		}
		if c.read.stream != nil {
			c.read.stream.XORKeyStream(b, b)
		}
		n := binary.BigEndian.Uint32(b)
		if n < 12 || n > 1<<18 {
			return nil, errors.New("a packet of impossible length")
		}
		b = append(b, make([]byte, int(n)+4-len(b))...)
		if _, err := io.ReadFull(c.in, b[aes.BlockSize:]); err != nil {
			return nil, err
		}
		if c.read.stream != nil {
			c.read.stream.XORKeyStream(b[aes.BlockSize:], b[aes.BlockSize:])
			mac := make([]byte, sha256.Size)
			if _, err := io.ReadFull(c.in, mac); err != nil || !hmac.Equal(mac, c.read.sum(b)) {
				return nil, errors.New("a wrong MAC")
			}
		}
		c.read.seq++
		if end := len(b) - int(b[4]); end > 5 {
			switch p := b[5:end]; p[0] {
			case msgDisconnect:
				return nil, io.EOF
			case msgIgnore, msgUnimplemented, msgDebug:
			default:
				return p, nil
			}
		}
	}
}

// exchange greets and agrees on keys: RFC 4253 and 5656.
func (c *oldConn) exchange(host ssh.AlgorithmSigner) error {
	if _, err := io.WriteString(c.out, oldVersion+"\r\n"); err != nil {
		return err
	}
	version, err := c.in.ReadString('\n')
	if err != nil {
		return err
	}
	ours := append([]byte{msgKexInit}, make([]byte, 16)...)
	for _, names := range []string{
		"ecdh-sha2-nistp256", ssh.KeyAlgoRSA, "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", "",
	} {
		ours = append(ours, ssh.Marshal(struct{ S string }{names})...)
	}
	ours = append(ours, 0, 0, 0, 0, 0)
	if err := c.send(ours); err != nil {
		return err
	}
	theirs, err := c.expect(msgKexInit)
	if err != nil {
		return err
	}
	first, err := c.expect(msgKexECDHInit)
	if err != nil {
		return err // they have nothing in common with us, mostly
	}
	var q struct{ Point []byte }
	if err := ssh.Unmarshal(first[1:], &q); err != nil {
		return err
	}
	peer, err := ecdh.P256().NewPublicKey(q.Point)
	if err != nil {
		return err
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	shared, err := key.ECDH(peer)
	if err != nil {
		return err
	}
	secret := mpint(shared)
	hashed := ssh.Marshal(struct{ VC, VS, IC, IS, HostKey, QC, QS []byte }{
		[]byte(strings.TrimRight(version, "\r\n")), []byte(oldVersion), theirs, ours, host.PublicKey().Marshal(), q.Point, key.PublicKey().Bytes(),
	})
	sum := sha256.Sum256(append(hashed, secret...))
	c.session = sum[:]
	sig, err := host.SignWithAlgorithm(rand.Reader, c.session, ssh.KeyAlgoRSA)
	if err != nil {
		return err
	}
	reply := ssh.Marshal(struct{ HostKey, Point, Sig []byte }{host.PublicKey().Marshal(), key.PublicKey().Bytes(), ssh.Marshal(sig)})
	if err := c.send(append([]byte{msgECDHReply}, reply...)); err != nil {
		return err
	}
	if err := c.send([]byte{msgNewKeys}); err != nil {
		return err
	}
	if _, err := c.expect(msgNewKeys); err != nil {
		return err
	}
	derive := func(letter string, n int) []byte {
		k := sha256.Sum256(bytes.Join([][]byte{secret, c.session, []byte(letter), c.session}, nil))
		return k[:n]
	}
	c.read.stream, c.read.mac = ctr(derive("C", 16), derive("A", 16)), derive("E", 32)
	c.write.stream, c.write.mac = ctr(derive("D", 16), derive("B", 16)), derive("F", 32)
	return nil
}

func ctr(key, iv []byte) cipher.Stream {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has 16 bytes
	}
	return cipher.NewCTR(b, iv)
}

// mpint writes a positive number as RFC 4251 says.
func mpint(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) > 0 && b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func (c *oldConn) expect(kind byte) ([]byte, error) {
	p, err := c.receive()
	if err == nil && p[0] != kind {
		err = fmt.Errorf("message %d, want %d", p[0], kind)
	}
	return p, err
}
