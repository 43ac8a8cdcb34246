package gmcrypto

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/emmansun/gmsm/sm4"
)

const (
	// DataKeySize is the length in bytes of a Sealer's key.
	DataKeySize = 16
	// SealOverhead is by how many bytes sealed data is longer than plaintext.
	SealOverhead = 1 + sealSaltSize + sealCounterSize + gcmTagSize
	// BlindIndexSize is the length in bytes of a blind index.
	BlindIndexSize = 16

	sealVersion     = 1
	sealSaltSize    = 16
	sealCounterSize = 8
	sealHeaderSize  = 1 + sealSaltSize + sealCounterSize
	gcmTagSize      = 16
	gcmNonceSize    = 12

	// A sub-key is retired after 2^32 messages or 2^36 bytes (2^32 blocks):
	// SM4-GCM's distinguishing advantage then stays below 2^-64 (σ²/2^129).
	sealMessagesMax = 1 << 32
	sealBytesMax    = 1 << 36
	// sealCacheMax bounds the sub-keys Open remembers: one per process start of
	// each node that ever sealed, about 1 KiB each.
	sealCacheMax = 256
)

// Sealer encrypts and authenticates stored data with SM4-GCM (GB/T 32907,
// GB/T 36624) under a 16-byte data key that several nodes of a site may share.
//
// A nonce never repeats although nobody coordinates: each Sealer derives its own
// sub-key from the data key and a random 16-byte salt (HKDF-SM3), and counts
// its messages; salt and counter travel in front of the ciphertext, and the
// nonce is the 12 bytes there: the end of the salt and the counter. What this
// does not survive is a virtual machine resumed twice from one memory image:
// restart the process after cloning.
//
// Safe for concurrent use. Seal allocates only to grow dst.
type Sealer struct {
	key      []byte
	indexKey []byte
	limit    sealLimit
	current  atomic.Pointer[sealState]

	mu    sync.RWMutex // guards cache and the change of current
	cache map[[sealSaltSize]byte]cipher.AEAD
}

type sealLimit struct{ messages, bytes uint64 }

// sealState is one sub-key and what has been sealed under it.
type sealState struct {
	salt     [sealSaltSize]byte
	aead     cipher.AEAD
	messages atomic.Uint64
	bytes    atomic.Uint64
}

// NewSealer makes a sealer for a 16-byte data key, which it copies.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != DataKeySize {
		return nil, fmt.Errorf("data key has %d bytes, want %d", len(key), DataKeySize)
	}
	s := &Sealer{
		key:      append([]byte(nil), key...),
		indexKey: HKDFSM3(key, nil, "fengsui blind index v1", 32),
		limit:    sealLimit{messages: sealMessagesMax, bytes: sealBytesMax},
		cache:    make(map[[sealSaltSize]byte]cipher.AEAD),
	}
	if err := s.renewLocked(); err != nil { // not shared yet: no lock needed
		return nil, err
	}
	return s, nil
}

func (s *Sealer) renewLocked() error {
	st := new(sealState)
	if _, err := rand.Read(st.salt[:]); err != nil {
		return fmt.Errorf("draw seal salt: %w", err)
	}
	aead, err := s.subKey(st.salt)
	if err != nil {
		return err
	}
	st.aead = aead
	s.remember(st.salt, aead)
	s.current.Store(st)
	return nil
}

func (s *Sealer) subKey(salt [sealSaltSize]byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(HKDFSM3(s.key, salt[:], "fengsui seal v1", DataKeySize))
	if err != nil {
		return nil, fmt.Errorf("derive seal key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("derive seal key: %w", err)
	}
	return aead, nil
}

// remember is called with mu held, or before s is shared.
func (s *Sealer) remember(salt [sealSaltSize]byte, aead cipher.AEAD) {
	for old := range s.cache {
		if len(s.cache) < sealCacheMax {
			break
		}
		delete(s.cache, old) // which one is of no consequence: it costs one derivation to have it again
	}
	s.cache[salt] = aead
}

// next returns the sub-key and a counter value that nobody else was given.
func (s *Sealer) next(size int) (*sealState, uint64) {
	for {
		st := s.current.Load()
		n := st.messages.Add(1)
		b := st.bytes.Add(uint64(size))
		if n <= s.limit.messages && (b <= s.limit.bytes || n == 1) {
			return st, n
		}
		s.mu.Lock()
		if s.current.Load() == st {
			if err := s.renewLocked(); err != nil {
				// The derivation cannot fail for fixed sizes, and crypto/rand
				// ends the program itself when there is no randomness.
				panic("gmcrypto: renew seal key: " + err.Error())
			}
		}
		s.mu.Unlock()
	}
}

// Seal appends the sealed form of plaintext to dst and returns it. aad is
// authenticated, not stored: Open needs the same. dst must not overlap
// plaintext.
func (s *Sealer) Seal(dst, plaintext, aad []byte) []byte {
	st, n := s.next(len(plaintext))
	dst = append(dst, sealVersion)
	dst = append(dst, st.salt[:]...)
	dst = binary.BigEndian.AppendUint64(dst, n)
	return st.aead.Seal(dst, dst[len(dst)-gcmNonceSize:], plaintext, aad)
}

// Open checks and decrypts what Seal made under the same data key and aad, and
// appends the plaintext to dst. Any failure is ErrDecrypt.
func (s *Sealer) Open(dst, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < SealOverhead || sealed[0] != sealVersion {
		return nil, ErrDecrypt
	}
	salt := [sealSaltSize]byte(sealed[1:])
	s.mu.RLock()
	aead, known := s.cache[salt]
	s.mu.RUnlock()
	if !known {
		var err error
		if aead, err = s.subKey(salt); err != nil {
			return nil, ErrDecrypt
		}
	}
	out, err := aead.Open(dst, sealed[sealHeaderSize-gcmNonceSize:sealHeaderSize], sealed[sealHeaderSize:], aad)
	if err != nil {
		return nil, ErrDecrypt
	}
	if !known { // only now: forged salts must not push real ones out
		s.mu.Lock()
		s.remember(salt, aead)
		s.mu.Unlock()
	}
	return out, nil
}

// BlindIndex returns 16 bytes that are equal for equal (field, value) under the
// same data key and tell nothing else: HMAC-SM3, cut. It lets sealed data be
// looked up by equality.
func (s *Sealer) BlindIndex(field string, value []byte) []byte {
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(field)))
	mac := HMACSM3(s.indexKey, size[:], []byte(field), value)
	return mac[:BlindIndexSize:BlindIndexSize]
}

// String says what this is, never the key.
func (s *Sealer) String() string { return "SM4-GCM sealer" }

// GoString is String.
func (s *Sealer) GoString() string { return s.String() }

// Format is String for every verb.
func (s *Sealer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is String for slog.
func (s *Sealer) LogValue() slog.Value { return slog.StringValue(s.String()) }
