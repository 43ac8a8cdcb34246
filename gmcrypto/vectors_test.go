package gmcrypto

import (
	"bytes"
	"crypto/cipher"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	tjsm2 "github.com/tjfoc/gmsm/sm2"
	tjsm3 "github.com/tjfoc/gmsm/sm3"
	tjsm4 "github.com/tjfoc/gmsm/sm4"
)

// vector is one case of a file in testdata/vectors.
type vector struct {
	t      *testing.T
	fields map[string]string
}

// bytes reads a field: text in quotes, or hexadecimal.
func (v vector) bytes(name string) []byte {
	v.t.Helper()
	s, ok := v.fields[name]
	if !ok {
		v.t.Fatalf("field %s is missing", name)
	}
	if text, err := strconv.Unquote(s); err == nil {
		n := 1
		if r, ok := v.fields["repeat"]; ok {
			n, _ = strconv.Atoi(r)
		}
		return []byte(strings.Repeat(text, n))
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		v.t.Fatalf("field %s: %v", name, err)
	}
	return b
}

// An operation returns the class of failure, or "ok", as found by our library
// and by tjfoc/gmsm.
func operations() map[string]func(vector) (ours, theirs string) {
	return map[string]func(vector) (string, string){
		"hash": opHash, "block": opBlock, "gcm": opGCM,
		"verify": opVerify, "point": opPoint, "decrypt": opDecrypt, "exchange": opExchange,
	}
}

func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
			v := vector{fields: make(map[string]string)}
			for line := range strings.Lines(block) {
				if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && name[0] != '#' {
					v.fields[name] = value
				}
			}
			t.Run(filepath.Base(file)+"/"+strconv.Itoa(i)+v.fields["op"], func(t *testing.T) {
				v.t = t
				op, want := operations()[v.fields["op"]], v.fields["expect"]
				if op == nil || want == "" {
					t.Fatalf("case without op or expect:\n%s", block)
				}
				if ours, theirs := op(v); ours != want || theirs != want {
					t.Errorf("ours %s, tjfoc %s, want %s", ours, theirs, want)
				}
			})
		}
	}
}

func class(ok bool, otherwise string) string {
	if ok {
		return "ok"
	}
	return otherwise
}

func opHash(v vector) (string, string) {
	d := SM3(v.bytes("message"))
	return class(bytes.Equal(d[:], v.bytes("digest")), "verify"),
		class(bytes.Equal(tjsm3.Sm3Sum(v.bytes("message")), v.bytes("digest")), "verify")
}

func opBlock(v vector) (string, string) {
	times, _ := strconv.Atoi(v.fields["times"])
	run := func(c cipher.Block, err error) string {
		if err != nil {
			return "key"
		}
		b := v.bytes("plain")
		for range times {
			c.Encrypt(b, b)
		}
		if !bytes.Equal(b, v.bytes("cipher")) {
			return "verify"
		}
		if times > 1 {
			return "ok"
		}
		c.Decrypt(b, b)
		return class(bytes.Equal(b, v.bytes("plain")), "verify")
	}
	return run(sm4.NewCipher(v.bytes("key"))), run(tjsm4.NewCipher(v.bytes("key")))
}

func opGCM(v vector) (string, string) {
	sealed := append(v.bytes("cipher"), v.bytes("tag")...)
	run := func(c cipher.Block, err error) string {
		if err != nil {
			return "key"
		}
		aead, err := cipher.NewGCM(c)
		if err != nil {
			return "key"
		}
		plain, err := aead.Open(nil, v.bytes("nonce"), sealed, v.bytes("aad"))
		if err != nil {
			return "decrypt"
		}
		again := aead.Seal(nil, v.bytes("nonce"), plain, v.bytes("aad"))
		return class(bytes.Equal(plain, v.bytes("plain")) && bytes.Equal(again, sealed), "verify")
	}
	// The standard library's GCM around tjfoc's block: their own GCM is not used anywhere.
	return run(sm4.NewCipher(v.bytes("key"))), run(tjsm4.NewCipher(v.bytes("key")))
}

func tjPublic(b []byte) *tjsm2.PublicKey {
	return &tjsm2.PublicKey{Curve: tjsm2.P256Sm2(), X: new(big.Int).SetBytes(b[1:33]), Y: new(big.Int).SetBytes(b[33:65])}
}

func tjPrivate(scalar, public []byte) *tjsm2.PrivateKey {
	return &tjsm2.PrivateKey{PublicKey: *tjPublic(public), D: new(big.Int).SetBytes(scalar)}
}

func opVerify(v vector) (string, string) {
	pub, err := ParsePublicKey(v.bytes("public"))
	if err != nil {
		return "key", "key"
	}
	k, err := ParsePrivateKey(v.bytes("private"))
	if err != nil || !k.Public().Equal(pub) {
		return "key", "key"
	}
	r, s := new(big.Int).SetBytes(v.bytes("r")), new(big.Int).SetBytes(v.bytes("s"))
	sig, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		v.t.Fatal(err)
	}
	return class(sm2.VerifyASN1WithSM2(pub.SM2(), v.bytes("id"), v.bytes("message"), sig), "verify"),
		class(tjsm2.Sm2Verify(tjPublic(v.bytes("public")), v.bytes("message"), v.bytes("id"), r, s), "verify")
}

func opPoint(v vector) (string, string) {
	b := v.bytes("public")
	_, err := ParsePublicKey(b)
	theirs := "key"
	if len(b) == PublicKeySize {
		p := tjPublic(b)
		// tjfoc reduces coordinates silently, so that x + p passes: the range is ours to check.
		theirs = class(p.X.Cmp(p.Params().P) < 0 && p.Y.Cmp(p.Params().P) < 0 && p.IsOnCurve(p.X, p.Y), "key")
	}
	return class(err == nil, "key"), theirs
}

func opDecrypt(v vector) (string, string) {
	k, err := ParsePrivateKey(v.bytes("private"))
	if err != nil {
		return "key", "key"
	}
	ct := bytes.Join([][]byte{v.bytes("c1"), v.bytes("c3"), v.bytes("c2")}, nil)
	pt, err := k.Decrypt(ct)
	ours := class(err == nil && bytes.Equal(pt, v.bytes("plain")), "decrypt")
	// tjfoc checks only the hash, not that C1 is on the curve; the hash suffices here.
	pt, err = tjsm2.Decrypt(tjPrivate(v.bytes("private"), k.Public().Bytes()), ct, tjsm2.C1C3C2)
	return ours, class(err == nil && bytes.Equal(pt, v.bytes("plain")), "decrypt")
}

// opExchange runs the key exchange by the ecdh package, as gmcrypto/channel
// does, and K by tjfoc too. (tjfoc's S1 and S2 hash the two ephemeral points in
// the wrong order and are of no use.)
func opExchange(v vector) (string, string) {
	key := func(name string) *ecdh.PrivateKey {
		k, err := ecdh.P256().NewPrivateKey(v.bytes(name))
		if err != nil {
			v.t.Fatal(name, err)
		}
		return k
	}
	da, db, ra, rb := key("da"), key("db"), key("ra"), key("rb")
	if !bytes.Equal(da.PublicKey().Bytes(), v.bytes("pa")) || !bytes.Equal(db.PublicKey().Bytes(), v.bytes("pb")) {
		return "key", "key"
	}
	u, err := da.SM2MQV(ra, db.PublicKey(), rb.PublicKey())
	if err != nil {
		v.t.Fatal(err)
	}
	w, err := db.SM2MQV(rb, da.PublicKey(), ra.PublicKey())
	if err != nil || !bytes.Equal(u.Bytes(), w.Bytes()) {
		v.t.Fatal("the two sides differ", err)
	}
	id := v.bytes("id")
	za, _ := da.PublicKey().SM2ZA(sm3.New(), id)
	zb, _ := db.PublicKey().SM2ZA(sm3.New(), id)
	xv, yv := u.Bytes()[1:33], u.Bytes()[33:]
	inner := SM3(xv, za, zb, ra.PublicKey().Bytes()[1:], rb.PublicKey().Bytes()[1:])
	sb, sa := SM3([]byte{2}, yv, inner[:]), SM3([]byte{3}, yv, inner[:])
	k, err := u.SM2SharedKey(false, 16, da.PublicKey(), db.PublicKey(), id, id)
	if err != nil {
		v.t.Fatal(err)
	}
	ours := class(bytes.Equal(k, v.bytes("key")) && bytes.Equal(sb[:], v.bytes("sb")) && bytes.Equal(sa[:], v.bytes("sa")), "verify")

	tk, _, _, err := tjsm2.KeyExchangeA(16, id, id, tjPrivate(v.bytes("da"), v.bytes("pa")), tjPublic(v.bytes("pb")),
		tjPrivate(v.bytes("ra"), ra.PublicKey().Bytes()), tjPublic(rb.PublicKey().Bytes()))
	return ours, class(err == nil && bytes.Equal(tk, v.bytes("key")), "verify")
}
