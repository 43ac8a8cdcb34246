package gmcrypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyPrintsNothingSecret(t *testing.T) {
	k := newTestKey(t)
	s, err := NewSealer(random(DataKeySize))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{
		hex.EncodeToString(k.key.D.Bytes()), k.key.D.String(),
		hex.EncodeToString(s.key), fmt.Sprint(s.key), hex.EncodeToString(s.indexKey),
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t", "%e"} {
		fmt.Fprintf(&out, verb, k)
		fmt.Fprintf(&out, verb, s)
		fmt.Fprintf(&out, verb, []any{k, s, struct{ K *PrivateKey }{k}})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "key", k, "sealer", s, "both", []any{k, s})
	}
	if b, err := json.Marshal(map[string]any{"key": k}); err == nil {
		t.Errorf("a private key became JSON: %s", b)
	}
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(out.String()), secret) {
			t.Fatalf("a secret was printed: %s", out.String())
		}
	}
	if (*PrivateKey)(nil).String() == "" {
		t.Error("nil key has no text")
	}
}

func TestPublicKeyForms(t *testing.T) {
	k := newTestKey(t)
	b := k.Public().Bytes()
	p, err := ParsePublicKey(b)
	if err != nil || !p.Equal(k.Public()) || p.Fingerprint() != SM3(b) {
		t.Fatal(err)
	}
	b[5] ^= 1 // a copy: the key must not change
	if !p.Equal(k.Public()) || p.Equal(nil) || (*PublicKey)(nil).Equal(p) {
		t.Fatal("Equal or Bytes is wrong")
	}
	for _, bad := range [][]byte{nil, b[:64], append(bytes.Clone(b), 0), b, k.Public().Bytes()[1:], append([]byte{2}, k.Public().Bytes()[1:33]...)} {
		if _, err := ParsePublicKey(bad); err == nil {
			t.Errorf("accepted %x", bad)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, 32), bytes.Repeat([]byte{0xff}, 32), make([]byte, 31)} {
		if _, err := ParsePrivateKey(bad); err == nil {
			t.Errorf("accepted private key %x", bad)
		}
	}
}

func TestParseFingerprint(t *testing.T) {
	f := newTestKey(t).Public().Fingerprint()
	s := f.String()
	for _, typed := range []string{s, strings.ToUpper(s), s[:4] + ":" + s[4:20] + " " + s[20:40] + "-" + s[40:]} {
		if got, err := ParseFingerprint(typed); err != nil || got != f {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for _, bad := range []string{"", s[:63], s + "0", "g" + s[1:], s + "zz"} {
		if _, err := ParseFingerprint(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestLabels(t *testing.T) {
	k := newTestKey(t)
	sig, err := k.Sign("fengsui document v1", []byte("m"))
	if err != nil {
		t.Fatal(err)
	}
	f := func(l Label, msg string, sig []byte, want error) {
		t.Helper()
		if err := k.Public().Verify(l, []byte(msg), sig); !errors.Is(err, want) {
			t.Errorf("label %q, message %q: %v, want %v", l, msg, err, want)
		}
	}
	f("fengsui document v1", "m", sig, nil)
	f("fengsui document v2", "m", sig, ErrVerify)
	f("fengsui document v", "1m", sig, ErrVerify)
	f("fengsui document v1", "n", sig, ErrVerify)
	f("fengsui document v1", "m", nil, ErrVerify)
	f("fengsui document v1", "m", sig[:len(sig)-1], ErrVerify)
	f("fengsui document v1", "m", append(bytes.Clone(sig), 0), ErrVerify)
	f("fengsui document v1", "m", make([]byte, 1<<20), ErrVerify)
	f("", "m", sig, ErrLabel)
	for _, bad := range []Label{"", "a\n", "火", Label(strings.Repeat("x", labelBytesMax+1))} {
		if _, err := k.Sign(bad, []byte("m")); !errors.Is(err, ErrLabel) {
			t.Errorf("signed under label %q: %v", bad, err)
		}
	}
	if newTestKey(t).Public().Verify("fengsui document v1", []byte("m"), sig) == nil {
		t.Error("another key's signature verifies")
	}
	for i := range sig {
		sig[i] ^= 0x10
		f("fengsui document v1", "m", sig, ErrVerify)
		sig[i] ^= 0x10
	}
}

func TestEncryptLimits(t *testing.T) {
	k := newTestKey(t)
	for _, n := range []int{0, plaintextMax + 1} {
		if _, err := k.Public().Encrypt(make([]byte, n)); err == nil {
			t.Errorf("encrypted %d bytes", n)
		}
	}
	ct, err := k.Public().Encrypt(make([]byte, plaintextMax))
	if err != nil {
		t.Fatal(err)
	}
	if pt, err := k.Decrypt(ct); err != nil || len(pt) != plaintextMax {
		t.Fatal(err)
	}
	ct, err = k.Public().Encrypt([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range ct {
		bad := bytes.Clone(ct)
		bad[i] ^= 1
		if pt, err := k.Decrypt(bad); !errors.Is(err, ErrDecrypt) {
			t.Fatalf("byte %d changed: %q, %v", i, pt, err)
		}
		if _, err := k.Decrypt(ct[:i]); !errors.Is(err, ErrDecrypt) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if _, err := newTestKey(t).Decrypt(ct); !errors.Is(err, ErrDecrypt) {
		t.Fatal(err)
	}
	if _, err := k.Decrypt(make([]byte, 1<<20)); !errors.Is(err, ErrDecrypt) {
		t.Fatal(err)
	}
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "node.key")
	k := newTestKey(t)
	for _, pass := range [][]byte{nil, []byte("烽火连三月")} {
		if err := SaveKey(path, k, pass); err != nil { // the second replaces the first
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info.Mode(), err)
		}
		got, err := LoadKey(path, pass)
		if err != nil || !got.Public().Equal(k.Public()) || got.key.D.Cmp(k.key.D) != 0 {
			t.Fatal(err)
		}
	}
	for _, wrong := range [][]byte{nil, []byte("烽火连三年")} {
		if _, err := LoadKey(path, wrong); !errors.Is(err, ErrPassphrase) {
			t.Errorf("passphrase %q: %v", wrong, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Error("temporary files are left", entries)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path, nil); !errors.Is(err, ErrKeyFileMode) || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if err := SaveKey(filepath.Join(dir, "no", "such", "dir"), k, nil); err == nil {
		t.Error("saved into a directory that is not there")
	}
	// A directory in the way: nothing is written, nothing left.
	if err := SaveKey(dir, k, nil); err == nil {
		t.Error("replaced a directory")
	}
}

func TestLoadKeyRefuses(t *testing.T) {
	dir := t.TempDir()
	k := newTestKey(t)
	good, err := MarshalKey(k, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, content []byte) {
		t.Helper()
		path := filepath.Join(dir, "key")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(path, nil); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("empty", nil)
	f("garbage", random(100))
	f("cut off", good[:len(good)/2])
	f("huge", append(bytes.Clone(good), make([]byte, keyFileBytesMax)...))
	f("other PEM", bytes.ReplaceAll(good, []byte("PRIVATE KEY"), []byte("CERTIFICATE")))
	f("P-256 key", []byte("-----BEGIN PRIVATE KEY-----\n"+
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"+
		"OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"+
		"1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"+
		"-----END PRIVATE KEY-----\n"))
	if _, err := LoadKey(dir, nil); err == nil {
		t.Error("loaded a directory")
	}
	if _, err := LoadKey(filepath.Join(dir, "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzParseKey(f *testing.F) {
	good, err := MarshalKey(newTestKey(f), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := ParseKey(b, nil); err == nil && k.Public() == nil {
			t.Fatal("a key without a public half")
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	f.Add(newTestKey(f).Public().Bytes())
	f.Add(make([]byte, PublicKeySize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePublicKey(b); err == nil && !bytes.Equal(p.Bytes(), b) {
			t.Fatal("a key has two encodings")
		}
	})
}

func FuzzVerify(f *testing.F) {
	k := newTestKey(f)
	sig, err := k.Sign("fuzz", []byte("message"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sig)
	f.Fuzz(func(t *testing.T, b []byte) {
		if k.Public().Verify("fuzz", []byte("message"), b) == nil && !bytes.Equal(b, sig) {
			t.Fatalf("forged signature or second encoding: %x", b)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	k := newTestKey(f)
	ct, err := k.Public().Encrypt([]byte("secret"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ct)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := k.Decrypt(b); err != nil && !errors.Is(err, ErrDecrypt) {
			t.Fatal(err)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	k, msg := newTestKey(b), random(300)
	for b.Loop() {
		if _, err := k.Sign("bench", msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	k, msg := newTestKey(b), random(300)
	sig, _ := k.Sign("bench", msg)
	for b.Loop() {
		if err := k.Public().Verify("bench", msg, sig); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSM3(b *testing.B) {
	msg := random(16 << 10)
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		SM3(msg)
	}
}
