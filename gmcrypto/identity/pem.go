package identity

import (
	"bytes"
	"encoding/pem"
	"fmt"
)

const (
	pemCertificate = "CERTIFICATE"
	// pemBytesMax is a full chain in base64, with headers and room for remarks.
	pemBytesMax = ChainMax*CertificateBytesMax*3/2 + 4096
)

// MarshalPEM encodes certificates one after the other.
func MarshalPEM(certs []*Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		// Encode fails only for malformed headers, and there are none.
		_ = pem.Encode(&b, &pem.Block{Type: pemCertificate, Bytes: c.x.Raw})
	}
	return b.Bytes()
}

// ParsePEM reads 1 to ChainMax certificates. Text between the blocks is passed
// over (RFC 7468 §2); blocks of another kind, or broken ones, are errors that
// say which one.
func ParsePEM(data []byte) ([]*Certificate, error) {
	if len(data) > pemBytesMax {
		return nil, fmt.Errorf("certificates: %w: %d bytes, at most %d", ErrMalformed, len(data), pemBytesMax)
	}
	blocks := bytes.Count(data, []byte("-----BEGIN"))
	if blocks == 0 || blocks > ChainMax {
		return nil, fmt.Errorf("certificates: %w: %d PEM blocks, want 1 to %d", ErrMalformed, blocks, ChainMax)
	}
	certs := make([]*Certificate, 0, blocks)
	for rest := data; len(certs) < blocks; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			return nil, fmt.Errorf("certificate %d of %d: %w: broken PEM block", len(certs)+1, blocks, ErrMalformed)
		}
		if block.Type != pemCertificate {
			return nil, fmt.Errorf("certificate %d of %d: %w: PEM block is %.40q", len(certs)+1, blocks, ErrMalformed, block.Type)
		}
		c, err := ParseDER(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of %d: %w", len(certs)+1, blocks, err)
		}
		certs = append(certs, c)
	}
	return certs, nil
}
