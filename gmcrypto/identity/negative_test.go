package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"fengsui/gmcrypto"

	"github.com/emmansun/gmsm/smx509"
)

// forge signs whatever template it is given: what a rogue authority, or another
// program, might send.
func forge(t *testing.T, tmpl, parent *x509.Certificate, pub any, key any) []byte {
	t.Helper()
	der, err := smx509.CreateCertificate(rand.Reader, tmpl, parent, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// nodeTemplate is a template that fits the profile, to be spoilt by a test.
func nodeTemplate(t *testing.T, pub *gmcrypto.PublicKey) *x509.Certificate {
	t.Helper()
	tmpl, err := template(subject{role: RoleNode, site: "440106", node: "n1"}, "", pub, testDay, testYear)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func siteTemplate(t *testing.T, site Site, pub *gmcrypto.PublicKey, pathLen int) *x509.Certificate {
	t.Helper()
	tmpl, err := template(subject{role: RoleSite, site: site}, "", pub, testDay, testYear)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.MaxPathLen, tmpl.MaxPathLenZero = pathLen, pathLen == 0
	return tmpl
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// Certificates that no chain may hold: refused when they are read.
func TestParseRefusesSpoilt(t *testing.T) {
	h := newHouse(t)
	f := func(name string, want error, spoil func(*x509.Certificate)) {
		t.Helper()
		tmpl := nodeTemplate(t, h.nodeKey.Public())
		spoil(tmpl)
		der := forge(t, tmpl, h.county.x.ToX509(), h.nodeKey.Public().SM2(), h.countyKey.SM2())
		if c, err := ParseDER(der); !errors.Is(err, want) || (c == nil) != (want != nil) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("nothing spoilt", nil, func(*x509.Certificate) {})
	names := func(uris ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.URIs = nil
			for _, u := range uris {
				c.URIs = append(c.URIs, mustURL(t, u))
			}
		}
	}
	f("no name", ErrMalformed, names())
	f("two names", ErrMalformed, names("fengsui:node:440106:n1", "fengsui:node:440106:n2"))
	f("other scheme", ErrMalformed, names("https://example.org/"))
	f("other kind", ErrMalformed, names("fengsui:user:440106:n1"))
	f("site name on a node", ErrMalformed, names("fengsui:site:440106"))
	f("bad site", ErrMalformed, names("fengsui:node:44010:n1"))
	f("bad node", ErrMalformed, names("fengsui:node:440106:N1"))
	f("query", ErrMalformed, names("fengsui:node:440106:n1?x=1"))
	f("fragment", ErrMalformed, names("fengsui:node:440106:n1#x"))
	f("upper-case scheme", ErrMalformed, func(c *x509.Certificate) {
		c.URIs = nil
		c.ExtraExtensions = []pkix.Extension{sanExtension("FENGSUI:node:440106:n1")}
	})
	f("escaped", ErrMalformed, names("fengsui:node:440106:n%31"))
	f("common name differs", ErrMalformed, func(c *x509.Certificate) { c.Subject.CommonName = "440106/n2" })
	f("unprintable organisation", ErrMalformed, func(c *x509.Certificate) { c.Subject.Organization = []string{"a\x07b"} })
	f("DNS name too", ErrMalformed, func(c *x509.Certificate) { c.DNSNames = []string{"example.org"} })
	f("address too", ErrMalformed, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(1, 2, 3, 4)} })
	f("mail address too", ErrMalformed, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b"} })
	f("node that signs", ErrKeyUsage, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign })
	f("node as authority", ErrKeyUsage, func(c *x509.Certificate) { c.IsCA = true })
	f("node without key agreement", ErrKeyUsage, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	f("no key usage", ErrKeyUsage, func(c *x509.Certificate) { c.KeyUsage = 0 })
	f("no basic constraints", ErrKeyUsage, func(c *x509.Certificate) { c.BasicConstraintsValid = false })
	f("other key's identifier", ErrMalformed, func(c *x509.Certificate) { c.SubjectKeyId = keyID(h.rootKey.Public()) })
	f("ends before it begins", ErrMalformed, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(-time.Second) })
	f("no time at all", ErrMalformed, func(c *x509.Certificate) { c.NotAfter = c.NotBefore })
	f("serial zero", ErrMalformed, func(c *x509.Certificate) { c.SerialNumber = new(big.Int) })
	f("long serial", ErrMalformed, func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 170) })
	f("unknown critical extension", ErrMalformed, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	})
	f("name constraints", ErrMalformed, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 36}, Critical: true, Value: []byte{5, 0}}}
	})
	f("too large", ErrMalformed, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3, 4}, Value: make([]byte, CertificateBytesMax)}}
	})
	f("guest of another issuer", ErrMalformed, func(c *x509.Certificate) {
		c.URIs = []*url.URL{mustURL(t, "fengsui:guest:440106:n1")}
	})
}

func sanExtension(uri string) pkix.Extension {
	body := append([]byte{0x86, byte(len(uri))}, uri...)
	return pkix.Extension{Id: []int{2, 5, 29, 17}, Value: append([]byte{0x30, byte(len(body))}, body...)}
}

func TestParseRefusesAuthorities(t *testing.T) {
	h := newHouse(t)
	f := func(name string, want error, spoil func(*x509.Certificate)) {
		t.Helper()
		tmpl := siteTemplate(t, "440106", h.countyKey.Public(), 3)
		spoil(tmpl)
		der := forge(t, tmpl, h.city.x.ToX509(), h.countyKey.Public().SM2(), h.cityKey.SM2())
		if _, err := ParseDER(der); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	f("nothing spoilt", nil, func(*x509.Certificate) {})
	f("no path length", ErrMalformed, func(c *x509.Certificate) { c.MaxPathLen = -1 })
	f("long path", ErrMalformed, func(c *x509.Certificate) { c.MaxPathLen = pathLengthMax + 1 })
	f("not an authority", ErrKeyUsage, func(c *x509.Certificate) { c.IsCA, c.MaxPathLen = false, -1 })
	f("key agreement", ErrKeyUsage, func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageKeyAgreement })
	f("no documents", ErrKeyUsage, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
}

func TestParseRefusesOtherAlgorithms(t *testing.T) {
	h := newHouse(t)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := nodeTemplate(t, h.nodeKey.Public())
	tmpl.SignatureAlgorithm = x509.ECDSAWithSHA256
	self := forge(t, tmpl, tmpl, &p256.PublicKey, p256)
	if _, err := ParseDER(self); !errors.Is(err, ErrMalformed) {
		t.Errorf("P-256: %v", err)
	}
	tmpl = nodeTemplate(t, h.nodeKey.Public())
	der := forge(t, tmpl, h.county.x.ToX509(), &p256.PublicKey, h.countyKey.SM2())
	if _, err := ParseDER(der); !errors.Is(err, ErrMalformed) {
		t.Errorf("P-256 key signed with SM2: %v", err)
	}
}

// Well-formed certificates in chains that break a rule between them.
func TestVerifyRefuses(t *testing.T) {
	h := newHouse(t)
	cert := must[*Certificate](t)
	now := testDay.Add(time.Hour)
	trust := NewTrust(h.root)
	parse := func(der []byte) *Certificate { t.Helper(); return cert(ParseDER(der)) }
	sign := func(tmpl *x509.Certificate, pub *gmcrypto.PublicKey, ca *Certificate, caKey *gmcrypto.PrivateKey) *Certificate {
		t.Helper()
		return parse(forge(t, tmpl, ca.x.ToX509(), pub.SM2(), caKey.SM2()))
	}
	f := func(name string, want error, index int, chain ...*Certificate) {
		t.Helper()
		peer, err := trust.Verify(chain, now)
		var ce *ChainError
		if !errors.Is(err, want) || errors.As(err, &ce) && ce.Index != index {
			t.Errorf("%s: %v, want %v at %d", name, err, want, index)
		}
		if peer.Key != nil || peer.Chain != nil {
			t.Errorf("%s: a peer was returned", name)
		}
	}
	evil := newKey(t)
	otherRoot := cert(NewRoot(evil, "440000", "广东省", testDay, testYear))
	otherNode := cert(IssueNode(evil, otherRoot, "n1", h.nodeKey.Public(), testDay, testYear))
	f("no chain", ErrMalformed, 0)
	f("nil certificate", ErrMalformed, 0, h.node, nil)
	f("too long", ErrMalformed, 0, h.node, h.county, h.city, h.city, h.city, h.city, h.city, h.city, h.city)
	f("leaf alone", ErrUntrusted, 0, h.node)
	f("gap in the chain", ErrLevel, 0, h.node, h.city, h.root)
	f("wrong order", ErrLevel, 0, h.city, h.county, h.node, h.root)
	f("another root of the same name", ErrUntrusted, 1, otherNode, otherRoot)
	f("another root left out", ErrUntrusted, 0, otherNode)
	f("node as authority", ErrKeyUsage, 1, h.node, h.node, h.county, h.city)

	// The city goes rogue: it holds a true certificate and signs what it must not.
	sibling := sign(siteTemplate(t, "440200", evil.Public(), 2), evil.Public(), h.city, h.cityKey)
	up := sign(siteTemplate(t, "440000", evil.Public(), 2), evil.Public(), h.city, h.cityKey)
	same := sign(siteTemplate(t, "440100", evil.Public(), 2), evil.Public(), h.city, h.cityKey)
	f("authority for a sibling", ErrLevel, 0, sibling, h.city, h.root)
	f("authority for its parent", ErrLevel, 0, up, h.city, h.root)
	f("second authority for itself", ErrLevel, 0, same, h.city, h.root)
	f("node of a sibling", ErrLevel, 1, cert(IssueNode(evil, sibling, "n1", evil.Public(), testDay, testYear)), sibling, h.city, h.root)
	below := sign(nodeTemplate(t, evil.Public()), evil.Public(), h.city, h.cityKey) // a node of 440106
	f("node of a site below, signed from above", ErrLevel, 0, below, h.city, h.root)
	twin := cert(IssueSite(h.cityKey, h.city, "440106", "", evil.Public(), testDay, testYear))
	f("node of a namesake authority", ErrSignature, 0, h.node, twin, h.city, h.root)

	// Path lengths.
	short := sign(siteTemplate(t, "440300", evil.Public(), 0), evil.Public(), h.root, h.rootKey)
	deep := sign(siteTemplate(t, "440301", evil.Public(), 0), evil.Public(), short, evil)
	f("one authority too many", ErrPathLength, 1, deep, short, h.root)
	f("node below one too many", ErrPathLength, 2, cert(IssueNode(evil, deep, "n1", evil.Public(), testDay, testYear)), deep, short, h.root)

	// A right name and key identifier over a wrong signature.
	forged := sign(nodeTemplate(t, evil.Public()), evil.Public(), h.county, h.countyKey)
	der := forged.Raw()
	der[len(der)-1] ^= 1
	f("signature changed", ErrSignature, 0, parse(der), h.county, h.city, h.root)

	f("guest", ErrGuest, 0, cert(Guest(evil, "440106", "n1", testDay)))
}

// A certificate changed in any bit is not a certificate any more, or does not
// verify.
func TestTamperedCertificate(t *testing.T) {
	h := newHouse(t)
	trust := NewTrust(h.root)
	raw := h.node.Raw()
	for i := range raw {
		for _, mask := range []byte{1, 0x80} {
			bad := append([]byte(nil), raw...)
			bad[i] ^= mask
			c, err := ParseDER(bad)
			if err != nil {
				continue
			}
			if _, err := trust.Verify([]*Certificate{c, h.county, h.city}, testDay.Add(time.Hour)); err == nil {
				t.Fatalf("byte %d ^ %#x verifies", i, mask)
			}
		}
	}
}

func TestVerifyTime(t *testing.T) {
	h := newHouse(t)
	f := func(now time.Time, want error) {
		t.Helper()
		peer, err := NewTrust(h.root).Verify(h.chain(), now)
		if !errors.Is(err, want) || err != nil && want == nil {
			t.Errorf("at %v: %v, want %v", now, err, want)
		}
		if peer.String() != "440106/n1" { // filled even then: renewal looks at it
			t.Errorf("at %v: peer is %v", now, peer)
		}
	}
	f(h.node.NotBefore(), nil)
	f(h.node.NotAfter(), nil)
	f(h.node.NotBefore().Add(-time.Second), ErrNotYetValid)
	f(h.node.NotAfter().Add(time.Second), ErrExpired)
	f(h.node.NotAfter().Add(100*testYear), ErrExpired)
	// A lapsed certificate with another fault is not called lapsed.
	if _, err := NewTrust(h.root).Verify([]*Certificate{h.node, h.city}, testDay.Add(100*testYear)); !errors.Is(err, ErrLevel) {
		t.Error(err)
	}
}

func TestIssueRefuses(t *testing.T) {
	h := newHouse(t)
	k := newKey(t)
	f := func(name string, want error, c *Certificate, err error) {
		t.Helper()
		if err == nil || want != nil && !errors.Is(err, want) || c != nil {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	site := func(name string, want error, child Site, display string, valid time.Duration) {
		t.Helper()
		c, err := IssueSite(h.cityKey, h.city, child, display, k.Public(), testDay, valid)
		f(name, want, c, err)
	}
	site("itself", ErrLevel, "440100", "", testYear)
	site("its parent", ErrLevel, "440000", "", testYear)
	site("a sibling", ErrLevel, "440200", "", testYear)
	site("a bad code", nil, "44010", "", testYear)
	site("a bad name", nil, "440106", "x\ny", testYear)
	site("a long name", nil, "440106", strings.Repeat("市", displayRunesMax+1), testYear)
	site("no time", nil, "440106", "", 0)
	c, err := IssueSite(h.rootKey, h.city, "440106", "", k.Public(), testDay, testYear)
	f("with another key", nil, c, err)
	c, err = IssueSite(h.nodeKey, h.node, "440106", "", k.Public(), testDay, testYear)
	f("by a node", ErrKeyUsage, c, err)
	c, err = IssueSite(nil, nil, "440106", "", k.Public(), testDay, testYear)
	f("by nobody", nil, c, err)
	c, err = IssueNode(h.countyKey, h.county, "N 1", k.Public(), testDay, testYear)
	f("bad node name", nil, c, err)
	c, err = IssueNode(h.countyKey, h.county, "n2", nil, testDay, testYear)
	f("no key", nil, c, err)
	c, err = IssueNode(h.countyKey, h.county, "n2", k.Public(), h.county.NotAfter(), testYear)
	f("after the authority's end", ErrExpired, c, err)
	c, err = NewRoot(k, "44", "", testDay, testYear)
	f("bad root", nil, c, err)
	c, err = Guest(k, "440106", "", testDay)
	f("guest without name", nil, c, err)
}

func TestIssuedEndsWithIssuer(t *testing.T) {
	h := newHouse(t)
	c, err := IssueNode(h.countyKey, h.county, "n2", newKey(t).Public(), testDay, 100*testYear)
	if err != nil || !c.NotAfter().Equal(h.county.NotAfter()) {
		t.Fatal(c.NotAfter(), err)
	}
}

// From a root, exactly as many levels as ChainMax has room for.
func TestDeepestChain(t *testing.T) {
	key := newKey(t)
	ca := must[*Certificate](t)(NewRoot(key, "000000", "", testDay, testYear))
	root, chain, caKey := ca, []*Certificate{}, key
	codes := []Site{"440000", "440100", "440106", "44010601", "4401060101", "440106010101"}
	for _, code := range codes {
		k := newKey(t)
		c := must[*Certificate](t)(IssueSite(caKey, ca, code, "", k.Public(), testDay, testYear))
		chain = append([]*Certificate{c}, chain...)
		ca, caKey = c, k
	}
	node := must[*Certificate](t)(IssueNode(caKey, ca, "n1", newKey(t).Public(), testDay, testYear))
	peer, err := NewTrust(root).Verify(append([]*Certificate{node}, chain...), testDay)
	if err != nil || len(peer.Chain) != ChainMax || len(peer.Path()) != 7 {
		t.Fatal(len(peer.Chain), peer.Path(), err)
	}
	if _, err := IssueSite(caKey, ca, "44010601010101", "", newKey(t).Public(), testDay, testYear); !errors.Is(err, ErrPathLength) {
		t.Fatal(err)
	}
}
