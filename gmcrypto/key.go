package gmcrypto

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"
)

// PublicKeySize is the length in bytes of PublicKey.Bytes.
const PublicKeySize = 65

// plaintextMax bounds what Encrypt takes: SM2 encryption is for keys and
// tokens, bulk data belongs under a Sealer.
const plaintextMax = 64 << 10

// Fingerprint is the SM3 digest of a public key's 65-byte form (or, for
// certificates, of the DER): short enough to read over the telephone.
type Fingerprint [32]byte

// String returns the fingerprint as 64 lower-case hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint reads what String wrote; colons, blanks and upper case are
// tolerated, because people type it.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	clean := make([]byte, 0, 64)
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':' || c == ' ' || c == '-':
		case len(clean) == 64:
			return f, fmt.Errorf("fingerprint is longer than 64 hexadecimal digits, at position %d", i+1)
		default:
			clean = append(clean, c)
		}
	}
	if len(clean) != 64 {
		return f, fmt.Errorf("fingerprint has %d hexadecimal digits, want 64", len(clean))
	}
	if _, err := hex.Decode(f[:], clean); err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint: %w", err)
	}
	return f, nil
}

// PrivateKey is an SM2 private key. It prints nothing secret through fmt or
// slog. Its methods are safe for concurrent use.
type PrivateKey struct {
	key    *sm2.PrivateKey
	static *ecdh.PrivateKey
	pub    *PublicKey
}

// GenerateKey makes a new key pair from the operating system's randomness.
func GenerateKey() (*PrivateKey, error) {
	k, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate SM2 key: %w", err)
	}
	return newPrivateKey(k)
}

// ParsePrivateKey reads a private key from its 32-byte big-endian scalar, in
// [1, n-2] (GB/T 32918.1 §6.1).
func ParsePrivateKey(scalar []byte) (*PrivateKey, error) {
	k, err := sm2.NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("parse SM2 private key: %w", err)
	}
	return newPrivateKey(k)
}

func newPrivateKey(k *sm2.PrivateKey) (*PrivateKey, error) {
	static, err := k.ECDH()
	if err != nil {
		return nil, fmt.Errorf("SM2 private key: %w", err)
	}
	pub, err := newPublicKey(&k.PublicKey)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(pub.raw, static.PublicKey().Bytes()) {
		return nil, errors.New("SM2 private key: public half does not belong to it")
	}
	return &PrivateKey{key: k, static: static, pub: pub}, nil
}

// Public returns the public half.
func (k *PrivateKey) Public() *PublicKey { return k.pub }

// Decrypt opens what PublicKey.Encrypt made. Any failure is ErrDecrypt.
func (k *PrivateKey) Decrypt(ct []byte) ([]byte, error) {
	if len(ct) > plaintextMax+256 {
		return nil, ErrDecrypt
	}
	pt, err := sm2.Decrypt(k.key, ct)
	if err != nil {
		return nil, ErrDecrypt
	}
	return pt, nil
}

// SM2 gives the library's key to the packages below gmcrypto; nobody else may
// use it.
func (k *PrivateKey) SM2() *sm2.PrivateKey { return k.key }

// ECDH gives the key in the form the SM2 key exchange takes, to the packages
// below gmcrypto; nobody else may use it.
func (k *PrivateKey) ECDH() *ecdh.PrivateKey { return k.static }

// String tells which key this is, never the key.
func (k *PrivateKey) String() string {
	if k == nil || k.pub == nil {
		return "SM2 private key (none)"
	}
	return "SM2 private key (" + k.pub.Fingerprint().String()[:16] + "…)"
}

// GoString is String: %#v must not print the scalar.
func (k *PrivateKey) GoString() string { return k.String() }

// Format is String for every verb: %x or %d must not print the scalar either.
func (k *PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue is String for slog.
func (k *PrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText refuses, so that no encoder writes a key by accident.
func (k *PrivateKey) MarshalText() ([]byte, error) {
	return nil, errors.New("a private key is not text: use SaveKey")
}

// PublicKey is an SM2 public key: a point on the curve sm2p256v1, checked when
// it was made.
type PublicKey struct {
	key *ecdsa.PublicKey
	pt  *ecdh.PublicKey
	raw []byte
}

// ParsePublicKey reads the 65-byte uncompressed form and checks that the point
// is on the curve.
func ParsePublicKey(b []byte) (*PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, fmt.Errorf("parse SM2 public key: %d bytes, want %d", len(b), PublicKeySize)
	}
	k, err := sm2.NewPublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("parse SM2 public key: %w", err)
	}
	return newPublicKey(k)
}

// FromECDSA wraps a public key that the X.509 parser found; it fails for a
// curve other than sm2p256v1. For the packages below gmcrypto.
func FromECDSA(k *ecdsa.PublicKey) (*PublicKey, error) { return newPublicKey(k) }

func newPublicKey(k *ecdsa.PublicKey) (*PublicKey, error) {
	pt, err := sm2.PublicKeyToECDH(k)
	if err != nil {
		return nil, fmt.Errorf("SM2 public key: %w", err)
	}
	return &PublicKey{key: k, pt: pt, raw: pt.Bytes()}, nil
}

// Bytes returns a copy of the 65-byte uncompressed form.
func (p *PublicKey) Bytes() []byte { return bytes.Clone(p.raw) }

// Fingerprint is the SM3 digest of Bytes.
func (p *PublicKey) Fingerprint() Fingerprint { return SM3(p.raw) }

// Equal reports whether both are the same point.
func (p *PublicKey) Equal(o *PublicKey) bool {
	return p != nil && o != nil && bytes.Equal(p.raw, o.raw)
}

// String returns the fingerprint.
func (p *PublicKey) String() string { return p.Fingerprint().String() }

// Encrypt encrypts 1 byte to 64 KiB so that only the private key's owner reads
// it (GB/T 32918.4, ASN.1 form). The result says nothing about who made it.
func (p *PublicKey) Encrypt(pt []byte) ([]byte, error) {
	if len(pt) == 0 || len(pt) > plaintextMax {
		return nil, fmt.Errorf("encrypt with SM2: %d bytes, want 1 to %d", len(pt), plaintextMax)
	}
	ct, err := sm2.EncryptASN1(rand.Reader, p.key, pt)
	if err != nil {
		return nil, fmt.Errorf("encrypt with SM2: %w", err)
	}
	return ct, nil
}

// SM2 gives the library's key to the packages below gmcrypto; nobody else may
// use it.
func (p *PublicKey) SM2() *ecdsa.PublicKey { return p.key }

// ECDH gives the key in the form the SM2 key exchange takes, to the packages
// below gmcrypto; nobody else may use it.
func (p *PublicKey) ECDH() *ecdh.PublicKey { return p.pt }
