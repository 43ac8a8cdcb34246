package gmcrypto

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"hash"
	"io"
	"math/big"
	"testing"

	"github.com/emmansun/gmsm/sm4"
	tjsm2 "github.com/tjfoc/gmsm/sm2"
	tjsm3 "github.com/tjfoc/gmsm/sm3"
	tjsm4 "github.com/tjfoc/gmsm/sm4"
	"golang.org/x/crypto/hkdf"
)

// Every primitive against the second implementation, on random inputs of
// lengths around the block sizes.

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func newTestKey(t testing.TB) *PrivateKey {
	t.Helper()
	k, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *PrivateKey) tj() *tjsm2.PrivateKey {
	return tjPrivate(k.key.D.FillBytes(make([]byte, 32)), k.pub.raw)
}

func TestCrossSM3(t *testing.T) {
	for n := range 300 {
		m := random(n)
		got := SM3(m)
		if !bytes.Equal(got[:], tjsm3.Sm3Sum(m)) {
			t.Fatalf("%d bytes: digests differ", n)
		}
		pieces := NewSM3()
		pieces.Write(m[:n/2])
		pieces.Write(m[n/2:])
		if !bytes.Equal(pieces.Sum(nil), got[:]) {
			t.Fatalf("%d bytes in two pieces: %x, want %x", n, pieces.Sum(nil), got)
		}
		if split := SM3(m[:n/3], m[n/3:n/2], nil, m[n/2:]); split != got {
			t.Fatalf("%d bytes: digest of parts differs", n)
		}
	}
}

func TestCrossHMACAndHKDF(t *testing.T) {
	for n := range 150 {
		key, m := random(n), random(2*n)
		h := hmac.New(func() hash.Hash { return tjsm3.New() }, key)
		h.Write(m)
		if got := HMACSM3(key, m[:n], m[n:]); !bytes.Equal(got[:], h.Sum(nil)) {
			t.Fatalf("key of %d bytes: HMAC differs", n)
		}
		want := make([]byte, n+1)
		r := hkdf.New(func() hash.Hash { return tjsm3.New() }, key, m, []byte("info"))
		if _, err := io.ReadFull(r, want); err != nil {
			t.Fatal(err)
		}
		if got := HKDFSM3(key, m, "info", n+1); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: HKDF differs", n+1)
		}
	}
	for _, n := range []int{-1, 0, 255*32 + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("HKDFSM3 gave %d bytes", n)
				}
			}()
			HKDFSM3([]byte("x"), nil, "", n)
		}()
	}
}

func TestCrossSM4GCM(t *testing.T) {
	for n := range 200 {
		key, nonce, m, aad := random(16), random(12), random(n*3), random(n)
		ours, err := sm4.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := tjsm4.NewCipher(key)
		if err != nil {
			t.Fatal(err)
		}
		a, err := cipher.NewGCM(ours)
		if err != nil {
			t.Fatal(err)
		}
		b, err := cipher.NewGCM(theirs)
		if err != nil {
			t.Fatal(err)
		}
		sealed := a.Seal(nil, nonce, m, aad)
		if !bytes.Equal(sealed, b.Seal(nil, nonce, m, aad)) {
			t.Fatalf("%d bytes: ciphertexts differ", len(m))
		}
		if opened, err := b.Open(nil, nonce, sealed, aad); err != nil || !bytes.Equal(opened, m) {
			t.Fatal(err)
		}
	}
}

func TestCrossSignature(t *testing.T) {
	for n := range 30 {
		k, msg := newTestKey(t), random(n*7)
		uid := []byte(labelPrefix + "test")
		sig, err := k.Sign("test", msg)
		if err != nil {
			t.Fatal(err)
		}
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(sig, &rs); err != nil {
			t.Fatal(err)
		}
		if !tjsm2.Sm2Verify(&k.tj().PublicKey, msg, uid, rs.R, rs.S) {
			t.Fatal("tjfoc refuses our signature")
		}
		r, s, err := tjsm2.Sm2Sign(k.tj(), msg, uid, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if sig, err = asn1.Marshal(struct{ R, S *big.Int }{r, s}); err != nil {
			t.Fatal(err)
		}
		if err := k.Public().Verify("test", msg, sig); err != nil {
			t.Fatalf("we refuse tjfoc's signature: %v", err)
		}
		if err := k.Public().Verify("test2", msg, sig); !errors.Is(err, ErrVerify) {
			t.Fatal(err)
		}
	}
}

func TestCrossEncryption(t *testing.T) {
	for n := 1; n < 200; n += 13 {
		k, msg := newTestKey(t), random(n)
		ct, err := k.Public().Encrypt(msg)
		if err != nil {
			t.Fatal(err)
		}
		if pt, err := tjsm2.DecryptAsn1(k.tj(), ct); err != nil || !bytes.Equal(pt, msg) {
			t.Fatalf("tjfoc does not decrypt ours: %v", err)
		}
		if ct, err = tjsm2.EncryptAsn1(&k.tj().PublicKey, msg, rand.Reader); err != nil {
			t.Fatal(err)
		}
		if pt, err := k.Decrypt(ct); err != nil || !bytes.Equal(pt, msg) {
			t.Fatalf("we do not decrypt tjfoc's: %v", err)
		}
	}
}

func TestCrossExchange(t *testing.T) {
	id := []byte("fengsui channel v1 client and a hash of some length")
	for range 20 {
		da, db, ra, rb := newTestKey(t), newTestKey(t), newTestKey(t), newTestKey(t)
		u, err := da.ECDH().SM2MQV(ra.ECDH(), db.Public().ECDH(), rb.Public().ECDH())
		if err != nil {
			t.Fatal(err)
		}
		if u.Bytes()[1] == 0 || u.Bytes()[33] == 0 {
			continue // tjfoc drops leading zeros of the shared point
		}
		ours, err := u.SM2SharedKey(false, 48, da.Public().ECDH(), db.Public().ECDH(), id, id)
		if err != nil {
			t.Fatal(err)
		}
		theirs, _, _, err := tjsm2.KeyExchangeB(48, id, id, db.tj(), tjPublic(da.pub.raw), rb.tj(), tjPublic(ra.pub.raw))
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Fatal("keys differ", err)
		}
	}
}
