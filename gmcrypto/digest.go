package gmcrypto

import (
	"crypto/hkdf"
	"crypto/hmac"
	"hash"

	"github.com/emmansun/gmsm/sm3"
)

// NewSM3 begins an SM3 digest over bytes that come in pieces (GB/T 32905).
func NewSM3() hash.Hash { return sm3.New() }

// SM3 hashes the parts one after the other (GB/T 32905). It adds no separators:
// a caller whose parts vary in length writes the lengths too.
func SM3(parts ...[]byte) [32]byte {
	if len(parts) == 1 {
		return sm3.Sum(parts[0])
	}
	h := sm3.New()
	for _, p := range parts {
		h.Write(p)
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}

// HMACSM3 is HMAC (RFC 2104, GB/T 15852.2) with SM3 over the parts one after
// the other.
func HMACSM3(key []byte, parts ...[]byte) [32]byte {
	h := hmac.New(sm3.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	var out [32]byte
	h.Sum(out[:0])
	return out
}

// HKDFSM3 derives n bytes from secret by HKDF (RFC 5869) with SM3: extract with
// salt, expand with info. n is at most 8160; asking for more, or for less than
// one byte, is a programmer's error and panics.
func HKDFSM3(secret, salt []byte, info string, n int) []byte {
	if n < 1 || n > 255*sm3.Size {
		panic("gmcrypto: HKDFSM3 asked for an impossible number of bytes")
	}
	out, err := hkdf.Key(sm3.New, secret, salt, info, n)
	if err != nil {
		panic("gmcrypto: HKDFSM3: " + err.Error())
	}
	return out
}
