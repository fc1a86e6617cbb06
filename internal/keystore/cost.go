package keystore

import "sync"

// What a key may ask for, that its passphrase be hard to guess. A key comes from outside, and its numbers
// could keep the daemon busy for years or take all its memory. Each bound costs some seconds.
const (
	maxPBKDF2      = 5_000_000 // rounds; OpenSSL writes 2048, advice of 2023 is 600,000
	maxScryptKiB   = 64 << 10  // OpenSSL writes 16 MiB
	maxScryptWork  = 1 << 20   // KiB over all of p
	maxBcrypt      = 500       // rounds; ssh-keygen writes 16 or 24, and people give it 100
	maxArgon2KiB   = 128 << 10 // puttygen writes 8 MiB
	maxArgon2Work  = 2 << 20   // KiB over all passes; puttygen makes as many as it can in 100 ms
	maxArgon2Lanes = 64        // puttygen writes 1
)

// costing lets one passphrase be tried at a time, so that several imports need
// no more memory than one.
var costing sync.Mutex

// costly begins a costly work; what it gives ends it.
func costly() func() {
	costing.Lock()
	return costing.Unlock
}

// allow refuses a key that asks for more than most of something; mend is the command that writes it with less.
func (s source) allow(n, most int, what, mend string) error {
	if s.cheap {
		most = max(most/100, 4)
	}
	if n > most {
		return s.fail(CodeUnreadable, "asks for %d %s, at most %d are taken; run: %s", n, what, most, mend)
	}
	return nil
}
