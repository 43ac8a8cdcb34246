package gmcrypto

import (
	"crypto/rand"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
)

// Label names what a signature is for, such as "fengsui document v1". A
// signature made under one label never verifies under another, nor as the
// signature of a certificate.
type Label string

const (
	labelBytesMax = 128
	// labelPrefix makes the SM2 user identity of a labelled signature differ
	// from the default identity "1234567812345678" that certificates are signed
	// under (GB/T 35276 §10), whatever the label.
	labelPrefix = "fengsui signature v1:"
	// signatureBytesMax is an ASN.1 SEQUENCE of two 33-byte INTEGERs, with room
	// to spare.
	signatureBytesMax = 80
)

// identity is the user identity hashed into Z (GB/T 32918.2 §5.5).
func (l Label) identity() ([]byte, error) {
	if len(l) == 0 || len(l) > labelBytesMax {
		return nil, ErrLabel
	}
	for i := range len(l) {
		if l[i] < 0x20 || l[i] > 0x7e {
			return nil, ErrLabel
		}
	}
	return []byte(labelPrefix + string(l)), nil
}

// Sign signs msg under the label: SM2 with SM3, the label being the SM2 user
// identity. It returns the ASN.1 signature. A label that cannot be used is
// ErrLabel.
func (k *PrivateKey) Sign(l Label, msg []byte) ([]byte, error) {
	uid, err := l.identity()
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	sig, err := k.key.Sign(rand.Reader, msg, sm2.NewSM2SignerOption(true, uid))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return sig, nil
}

// Verify checks a signature made by Sign with the same label. It returns nil,
// ErrLabel, or ErrVerify.
func (p *PublicKey) Verify(l Label, msg, sig []byte) error {
	uid, err := l.identity()
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if len(sig) > signatureBytesMax || !sm2.VerifyASN1WithSM2(p.key, uid, msg, sig) {
		return ErrVerify
	}
	return nil
}
