package identity

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/url"

	"fengsui/gmcrypto"

	"github.com/emmansun/gmsm/smx509"
)

// Request is a certificate request (PKCS#10) whose signature proves that the
// asker holds the key. It proves nothing about the name: deciding that is the
// issuer's business. A request is not bound to a session; where replay matters,
// compare Key with the key of the peer that brought it.
type Request struct {
	Site Site
	Node string // empty: asks to be the authority of Site
	Key  *gmcrypto.PublicKey
	Raw  []byte // the DER bytes
}

// NewRequest asks for a certificate for key: of a node, or, when node is empty,
// of the authority of a site. It returns DER.
func NewRequest(key *gmcrypto.PrivateKey, site Site, node string) ([]byte, error) {
	sub := subject{role: RoleNode, site: site, node: node}
	if node == "" {
		sub.role = RoleSite
	}
	if err := sub.check(); err != nil {
		return nil, fmt.Errorf("request %s: %w", sub, err)
	}
	t := &x509.CertificateRequest{
		Subject:            sub.name(""),
		URIs:               []*url.URL{sub.uri()},
		SignatureAlgorithm: smx509.SM2WithSM3,
	}
	der, err := smx509.CreateCertificateRequest(rand.Reader, t, key.SM2())
	if err != nil {
		return nil, fmt.Errorf("request %s: %w", sub, err)
	}
	return der, nil
}

// ParseRequest reads a request of at most CertificateBytesMax bytes and verifies
// the proof of possession. Errors are ErrMalformed or ErrSignature.
func ParseRequest(der []byte) (Request, error) {
	if len(der) > CertificateBytesMax {
		return Request{}, fmt.Errorf("request: %w: %d bytes, at most %d", ErrMalformed, len(der), CertificateBytesMax)
	}
	x, err := smx509.ParseCertificateRequest(der)
	if err != nil {
		return Request{}, fmt.Errorf("request: %w: %w", ErrMalformed, err)
	}
	pub, ok := x.PublicKey.(*ecdsa.PublicKey)
	if !ok || x.SignatureAlgorithm != smx509.SM2WithSM3 {
		return Request{}, fmt.Errorf("request: %w: not an SM2 request", ErrMalformed)
	}
	key, err := gmcrypto.FromECDSA(pub)
	if err != nil {
		return Request{}, fmt.Errorf("request: %w: %w", ErrMalformed, err)
	}
	sub, err := subjectOf(x.URIs, x.Extensions)
	if err != nil {
		return Request{}, fmt.Errorf("request: %w", err)
	}
	if sub.role == RoleGuest {
		return Request{}, fmt.Errorf("request: %w: a guest signs itself", ErrMalformed)
	}
	if err := x.CheckSignature(); err != nil {
		return Request{}, fmt.Errorf("request %s: %w", sub, ErrSignature)
	}
	return Request{Site: sub.site, Node: sub.node, Key: key, Raw: x.Raw}, nil
}
