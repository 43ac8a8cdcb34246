package gmcrypto

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm4"
)

// SelfTest computes known answers with every primitive and compares; it is to
// be called once at start, before the first key is used, and takes about a
// millisecond. An error means the binary or the processor must not be trusted.
func SelfTest() error {
	tests := []struct {
		name string
		run  func() error
	}{
		{"SM3", selfTestSM3},
		{"HMAC-SM3 and HKDF-SM3", selfTestKDF},
		{"SM4", selfTestSM4},
		{"SM4-GCM", selfTestGCM},
		{"SM2 signature", selfTestSignature},
		{"SM2 decryption", selfTestDecryption},
		{"SM2 key exchange", selfTestExchange},
		{"sealing", selfTestSealer},
	}
	for _, t := range tests {
		if err := t.run(); err != nil {
			return fmt.Errorf("cryptographic self-test: %s: %w; do not use this binary on this machine", t.name, err)
		}
	}
	return nil
}

var errSelfTest = errors.New("unexpected result")

func known(hexDigits string) []byte {
	b, err := hex.DecodeString(hexDigits)
	if err != nil {
		return nil // compares unequal: the self-test then fails, as it should
	}
	return b
}

func expect(got []byte, hexDigits string) error {
	if want := known(hexDigits); len(want) == 0 || !bytes.Equal(got, want) {
		return errSelfTest
	}
	return nil
}

// GB/T 32905-2016 A.1.
func selfTestSM3() error {
	d := SM3([]byte("abc"))
	return expect(d[:], "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
}

// Our own values, computed with both SM libraries.
func selfTestKDF() error {
	mac := HMACSM3([]byte("key"), []byte("The quick brown fox jumps over the lazy dog"))
	return errors.Join(
		expect(mac[:], selfTestHMAC),
		expect(HKDFSM3([]byte("secret"), []byte("salt"), "info", 48), selfTestHKDF))
}

// GB/T 32907-2016 A.1.
func selfTestSM4() error {
	block, err := sm4.NewCipher(known("0123456789abcdeffedcba9876543210"))
	if err != nil {
		return err
	}
	b := known("0123456789abcdeffedcba9876543210")
	block.Encrypt(b, b)
	if err := expect(b, "681edf34d206965e86b3e94f536e4246"); err != nil {
		return err
	}
	block.Decrypt(b, b)
	return expect(b, "0123456789abcdeffedcba9876543210")
}

// RFC 8998 A.1.
func selfTestGCM() error {
	block, err := sm4.NewCipher(known("0123456789abcdeffedcba9876543210"))
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	nonce := known("00001234567800000000abcd")
	aad := known("feedfacedeadbeeffeedfacedeadbeefabaddad2")
	plain := known("aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa")
	sealed := aead.Seal(nil, nonce, plain, aad)
	if err := expect(sealed, "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d83de3541e4c2b58177e065a9bf7b62ec"); err != nil {
		return err
	}
	opened, err := aead.Open(nil, nonce, sealed, aad)
	if err != nil || !bytes.Equal(opened, plain) {
		return errSelfTest
	}
	sealed[0] ^= 1
	if _, err := aead.Open(nil, nonce, sealed, aad); err == nil {
		return errSelfTest
	}
	return nil
}
