package identity

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"fengsui/gmcrypto"

	"github.com/emmansun/gmsm/smx509"
)

// guestValidity is nominal: a guest's time is not checked, because a newcomer's
// clock is not known and its certificate carries no right that could end.
const guestValidity = 30 * 24 * time.Hour

// NewRoot makes the self-signed certificate of the topmost site's authority. name
// is the human name, and may be empty. valid must be positive.
func NewRoot(key *gmcrypto.PrivateKey, site Site, name string, from time.Time, valid time.Duration) (*Certificate, error) {
	sub := subject{role: RoleSite, site: site}
	t, err := template(sub, name, key.Public(), from, valid)
	if err != nil {
		return nil, fmt.Errorf("make root %s: %w", sub, err)
	}
	t.MaxPathLen = pathLengthMax
	return sign(t, t, key.Public(), key)
}

// IssueSite makes the certificate of an authority strictly below the issuing
// one. It ends no later than its issuer.
func IssueSite(ca *gmcrypto.PrivateKey, caCert *Certificate, child Site, name string, pub *gmcrypto.PublicKey, from time.Time, valid time.Duration) (*Certificate, error) {
	sub := subject{role: RoleSite, site: child}
	if err := checkIssuer(ca, caCert); err != nil {
		return nil, fmt.Errorf("issue %s: %w", sub, err)
	}
	if err := sub.check(); err != nil {
		return nil, fmt.Errorf("issue %s: %w", sub, err)
	}
	if !caCert.Site().Above(child) {
		return nil, fmt.Errorf("issue %s: %w: it is not below %s", sub, ErrLevel, caCert.Site())
	}
	if caCert.x.MaxPathLen == 0 {
		return nil, fmt.Errorf("issue %s: %w: %s allows none below", sub, ErrPathLength, caCert)
	}
	t, err := template(sub, name, pub, from, valid)
	if err != nil {
		return nil, fmt.Errorf("issue %s: %w", sub, err)
	}
	t.MaxPathLen = caCert.x.MaxPathLen - 1
	t.MaxPathLenZero = t.MaxPathLen == 0
	return issue(t, caCert, pub, ca)
}

// IssueNode makes the certificate of a node of the issuing authority's own site.
// It ends no later than its issuer.
func IssueNode(ca *gmcrypto.PrivateKey, caCert *Certificate, node string, pub *gmcrypto.PublicKey, from time.Time, valid time.Duration) (*Certificate, error) {
	if err := checkIssuer(ca, caCert); err != nil {
		return nil, fmt.Errorf("issue node %q: %w", node, err)
	}
	sub := subject{role: RoleNode, site: caCert.Site(), node: node}
	t, err := template(sub, "", pub, from, valid)
	if err != nil {
		return nil, fmt.Errorf("issue %s: %w", sub, err)
	}
	return issue(t, caCert, pub, ca)
}

// Guest makes the self-signed certificate by which a newcomer proves its key
// while it enrols. It claims a site and a node name and proves neither.
func Guest(key *gmcrypto.PrivateKey, site Site, node string, from time.Time) (*Certificate, error) {
	sub := subject{role: RoleGuest, site: site, node: node}
	t, err := template(sub, "", key.Public(), from, guestValidity)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", sub, err)
	}
	return sign(t, t, key.Public(), key)
}

func checkIssuer(ca *gmcrypto.PrivateKey, caCert *Certificate) error {
	switch {
	case ca == nil || caCert == nil:
		return errors.New("no issuing authority")
	case caCert.Role() != RoleSite:
		return fmt.Errorf("%w: %s is no authority", ErrKeyUsage, caCert)
	case !ca.Public().Equal(caCert.PublicKey()):
		return fmt.Errorf("the key does not belong to %s", caCert)
	}
	return nil
}

func template(sub subject, display string, pub *gmcrypto.PublicKey, from time.Time, valid time.Duration) (*x509.Certificate, error) {
	if err := sub.check(); err != nil {
		return nil, err
	}
	if err := checkDisplay(display); err != nil {
		return nil, err
	}
	if pub == nil {
		return nil, errors.New("no public key")
	}
	if valid < time.Second {
		return nil, fmt.Errorf("validity of %v is not positive", valid)
	}
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive, and of one length
	from = from.UTC().Truncate(time.Second)
	t := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               sub.name(display),
		NotBefore:             from,
		NotAfter:              from.Add(valid).Truncate(time.Second),
		BasicConstraintsValid: true,
		MaxPathLen:            -1,
		KeyUsage:              usageNode,
		SubjectKeyId:          keyID(pub),
		URIs:                  []*url.URL{sub.uri()},
		SignatureAlgorithm:    smx509.SM2WithSM3,
	}
	if sub.role == RoleSite {
		t.IsCA, t.KeyUsage = true, usageSite
	}
	return t, nil
}

func issue(t *x509.Certificate, caCert *Certificate, pub *gmcrypto.PublicKey, ca *gmcrypto.PrivateKey) (*Certificate, error) {
	if end := caCert.NotAfter(); t.NotAfter.After(end) {
		t.NotAfter = end
	}
	if !t.NotBefore.Before(t.NotAfter) {
		return nil, fmt.Errorf("issue %s: %w: the authority ends at %s", t.URIs[0], ErrExpired, caCert.NotAfter().Format(time.RFC3339))
	}
	return sign(t, caCert.x.ToX509(), pub, ca)
}

// sign makes the certificate, reads it back, and verifies it: a faulty signature
// must not leave the house, and what we issue must fit what we accept.
func sign(t, parent *x509.Certificate, pub *gmcrypto.PublicKey, ca *gmcrypto.PrivateKey) (*Certificate, error) {
	der, err := smx509.CreateCertificate(rand.Reader, t, parent, pub.SM2(), ca.SM2())
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", t.URIs[0], err)
	}
	c, err := ParseDER(der)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", t.URIs[0], err)
	}
	signer := (*smx509.Certificate)(parent)
	if parent == t {
		signer = c.x
	}
	if err := signer.CheckSignature(smx509.SM2WithSM3, c.x.RawTBSCertificate, c.x.Signature); err != nil {
		return nil, fmt.Errorf("sign %s: %w", t.URIs[0], ErrSignature)
	}
	return c, nil
}
