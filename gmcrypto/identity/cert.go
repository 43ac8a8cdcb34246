package identity

import (
	"bytes"
	"crypto/ecdsa"
	"fmt"
	"time"

	"fengsui/gmcrypto"

	"github.com/emmansun/gmsm/smx509"
)

const (
	// ChainMax is the most certificates a chain may have, root included.
	ChainMax = 8
	// CertificateBytesMax is the most bytes one certificate or request may have.
	CertificateBytesMax = 8 << 10
)

// pathLengthMax is what a root allows: a chain of ChainMax is a root, six
// authorities below it, and a node.
const pathLengthMax = ChainMax - 2

const (
	usageSite = smx509.KeyUsageCertSign | smx509.KeyUsageCRLSign | smx509.KeyUsageDigitalSignature
	usageNode = smx509.KeyUsageDigitalSignature | smx509.KeyUsageKeyAgreement
)

// Certificate is an SM2 certificate that fits the profile of this package.
// Immutable; safe to share.
type Certificate struct {
	x       *smx509.Certificate
	subject subject
	display string
	key     *gmcrypto.PublicKey
	print   gmcrypto.Fingerprint
}

// ParseDER reads one certificate of at most CertificateBytesMax bytes and checks
// that it fits the profile. It checks no signature and no time. Errors are
// ErrMalformed or ErrKeyUsage.
func ParseDER(der []byte) (*Certificate, error) {
	if len(der) > CertificateBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(der), CertificateBytesMax)
	}
	x, err := smx509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return fromX509(x)
}

func fromX509(x *smx509.Certificate) (*Certificate, error) {
	pub, ok := x.PublicKey.(*ecdsa.PublicKey)
	switch {
	case x.Version != 3:
		return nil, fmt.Errorf("%w: version %d, want 3", ErrMalformed, x.Version)
	case x.SignatureAlgorithm != smx509.SM2WithSM3:
		return nil, fmt.Errorf("%w: signature algorithm %v, want SM2 with SM3", ErrMalformed, x.SignatureAlgorithm)
	case !ok:
		return nil, fmt.Errorf("%w: public key is %T, want SM2", ErrMalformed, x.PublicKey)
	case x.SerialNumber.Sign() <= 0 || len(x.SerialNumber.Bytes()) > serialBytesMax:
		return nil, fmt.Errorf("%w: serial number must be positive, at most %d bytes", ErrMalformed, serialBytesMax)
	case len(x.UnhandledCriticalExtensions) > 0:
		return nil, fmt.Errorf("%w: critical extension %v is not known here", ErrMalformed, x.UnhandledCriticalExtensions[0])
	case !x.NotBefore.Before(x.NotAfter):
		return nil, fmt.Errorf("%w: ends before it begins", ErrMalformed)
	}
	key, err := gmcrypto.FromECDSA(pub)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	sub, err := subjectOf(x.URIs, x.Extensions)
	if err != nil {
		return nil, err
	}
	if x.Subject.CommonName != sub.common() {
		return nil, fmt.Errorf("%w: common name %.80q differs from %s", ErrMalformed, x.Subject.CommonName, sub)
	}
	c := &Certificate{x: x, subject: sub, key: key, print: gmcrypto.SM3(x.Raw)}
	if len(x.Subject.Organization) > 0 {
		c.display = x.Subject.Organization[0]
	}
	if err := checkDisplay(c.display); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := c.checkUsage(); err != nil {
		return nil, err
	}
	return c, nil
}

// checkUsage holds basic constraints, key usage and key identifiers to what the
// role demands.
func (c *Certificate) checkUsage() error {
	x := c.x
	if !bytes.Equal(x.SubjectKeyId, keyID(c.key)) {
		return fmt.Errorf("%w: key identifier is not that of the key", ErrMalformed)
	}
	if c.subject.role != RoleSite {
		if x.IsCA || !x.BasicConstraintsValid || x.KeyUsage != usageNode {
			return fmt.Errorf("%w: a %s must have key usage signature and key agreement, and be no authority", ErrKeyUsage, c.subject.role)
		}
		if c.subject.role == RoleGuest && !bytes.Equal(x.RawIssuer, x.RawSubject) {
			return fmt.Errorf("%w: a guest signs itself", ErrMalformed)
		}
		return nil
	}
	if !x.IsCA || !x.BasicConstraintsValid || x.KeyUsage != usageSite {
		return fmt.Errorf("%w: a site must be an authority that signs certificates and documents", ErrKeyUsage)
	}
	if x.MaxPathLen < 0 || x.MaxPathLen > pathLengthMax || x.MaxPathLen == 0 && !x.MaxPathLenZero {
		return fmt.Errorf("%w: a site must have a path length of 0 to %d", ErrMalformed, pathLengthMax)
	}
	return nil
}

// keyID is the subject key identifier: the first 20 bytes of the key's SM3.
func keyID(k *gmcrypto.PublicKey) []byte {
	f := k.Fingerprint()
	return f[:keyIdentifierLen]
}

// Raw returns a copy of the DER bytes.
func (c *Certificate) Raw() []byte { return bytes.Clone(c.x.Raw) }

// Site is the site this is the authority of, or the node belongs to.
func (c *Certificate) Site() Site { return c.subject.site }

// Node is the node's name, empty for a site authority.
func (c *Certificate) Node() string { return c.subject.node }

// Role is what the certificate is for.
func (c *Certificate) Role() Role { return c.subject.role }

// Name is the human name of a site, such as 广东省; it may be empty.
func (c *Certificate) Name() string { return c.display }

// NotBefore is the first second of validity.
func (c *Certificate) NotBefore() time.Time { return c.x.NotBefore }

// NotAfter is the last second of validity.
func (c *Certificate) NotAfter() time.Time { return c.x.NotAfter }

// PublicKey is the certified key.
func (c *Certificate) PublicKey() *gmcrypto.PublicKey { return c.key }

// Fingerprint is the SM3 digest of the DER bytes.
func (c *Certificate) Fingerprint() gmcrypto.Fingerprint { return c.print }

// Equal reports whether both are the same certificate, byte for byte.
func (c *Certificate) Equal(o *Certificate) bool {
	return c != nil && o != nil && c.print == o.print
}

// String is the certificate's name, such as "fengsui:node:440106:n1".
func (c *Certificate) String() string {
	if c == nil {
		return "no certificate"
	}
	return c.subject.String()
}

// checkSignedBy verifies c's signature with parent's key.
func (c *Certificate) checkSignedBy(parent *Certificate) error {
	if err := c.x.CheckSignatureFrom(parent.x); err != nil {
		return ErrSignature
	}
	return nil
}
