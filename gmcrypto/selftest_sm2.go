package gmcrypto

import (
	"bytes"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm2"
)

// What the standards do not give: HMAC-SM3 and HKDF-SM3 values, computed with
// both SM libraries (digest_test.go repeats it with the other one).
const (
	selfTestHMAC = "bd4a34077888162b210645b8ebf74b9af357303789357a27c7fc457244ebd398"
	selfTestHKDF = "59fadf6f9c171ab4a9a57fa699cb54280bf8d322b4ebaa5eac37ea05409da88ae7e72f6ab919aa6ea21da2db17287a8a"
)

// GB/T 32918.5-2017 annex A.
const (
	selfTestPrivate   = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	selfTestPublic    = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	selfTestSig       = "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
	selfTestDefaultID = "1234567812345678"
)

func selfTestSignature() error {
	k, err := ParsePrivateKey(known(selfTestPrivate))
	if err != nil {
		return err
	}
	if err := expect(k.Public().Bytes(), selfTestPublic); err != nil {
		return err
	}
	if !sm2.VerifyASN1WithSM2(k.pub.key, []byte(selfTestDefaultID), []byte("message digest"), known(selfTestSig)) {
		return errSelfTest
	}
	sig, err := k.Sign("self-test", []byte("message digest"))
	if err != nil {
		return err
	}
	if err := k.pub.Verify("self-test", []byte("message digest"), sig); err != nil {
		return err
	}
	if k.pub.Verify("self-test", []byte("message digesT"), sig) == nil ||
		k.pub.Verify("other", []byte("message digest"), sig) == nil {
		return errSelfTest
	}
	return nil
}

// GB/T 32918.5-2017 annex C: C1 || C3 || C2.
func selfTestDecryption() error {
	k, err := ParsePrivateKey(known(selfTestPrivate))
	if err != nil {
		return err
	}
	ct := known("0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0" +
		"59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766" +
		"21886ca989ca9c7d58087307ca93092d651efa")
	pt, err := k.Decrypt(ct)
	if err != nil || string(pt) != "encryption standard" {
		return errSelfTest
	}
	ct[len(ct)-1] ^= 1
	if _, err := k.Decrypt(ct); err == nil {
		return errSelfTest
	}
	return nil
}

// GB/T 32918.5-2017 annex B: both sides reach the printed 128-bit key.
func selfTestExchange() error {
	const wantKey = "6c89347354de2484c60b4ab1fde4c6e5"
	scalars := []string{
		"81eb26e941bb5af16df116495f90695272ae2cd63d6c4ae1678418be48230029", // dA
		"d4de15474db74d06491c440d305e012400990f3e390c7e87153c12db2ea60bb3", // rA
		"785129917d45a9ea5437a59356b82338eaadda6ceb199088f14ae10defa229b5", // dB
		"7e07124814b309489125eaed101113164ebf0f3458c5bd88335c1f9d596243d6", // rB
	}
	var k [4]*ecdh.PrivateKey
	for i, s := range scalars {
		var err error
		if k[i], err = ecdh.P256().NewPrivateKey(known(s)); err != nil {
			return err
		}
	}
	dA, rA, dB, rB := k[0], k[1], k[2], k[3]
	u, err := dA.SM2MQV(rA, dB.PublicKey(), rB.PublicKey())
	if err != nil {
		return err
	}
	v, err := dB.SM2MQV(rB, dA.PublicKey(), rA.PublicKey())
	if err != nil {
		return err
	}
	if !bytes.Equal(u.Bytes(), v.Bytes()) {
		return errSelfTest
	}
	id := []byte(selfTestDefaultID)
	key, err := v.SM2SharedKey(true, 16, dB.PublicKey(), dA.PublicKey(), id, id)
	if err != nil {
		return err
	}
	return expect(key, wantKey)
}

func selfTestSealer() error {
	s, err := NewSealer(make([]byte, DataKeySize))
	if err != nil {
		return err
	}
	sealed := s.Seal(nil, []byte("record"), []byte("aad"))
	opened, err := s.Open(nil, sealed, []byte("aad"))
	if err != nil || string(opened) != "record" {
		return errSelfTest
	}
	if _, err := s.Open(nil, sealed, []byte("aaD")); err == nil {
		return errSelfTest
	}
	return nil
}
