package enrol

import (
	"context"
	"fmt"
	"time"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Authority certifies newcomers with a site's key. It satisfies register.Issuer and register.Secrets.
type Authority struct{ Credentials *Credentials }

// IssueSite certifies the key of a child's authority.
func (a Authority) IssueSite(_ context.Context, r identity.Request, name string) ([]*identity.Certificate, error) {
	c := a.Credentials
	crt, err := identity.IssueSite(c.SiteKey, c.SiteCertificate(), r.Site, name, r.Key, time.Now().Add(-backdating), SiteValid)
	if err != nil {
		return nil, fmt.Errorf("issue the certificate of site %s: %w", r.Site, err)
	}
	return append([]*identity.Certificate{crt}, c.SiteChain()...), nil
}

// IssueNode certifies the key of a further node of the site.
func (a Authority) IssueNode(_ context.Context, r identity.Request) ([]*identity.Certificate, error) {
	c := a.Credentials
	if r.Site != c.Member.Site {
		return nil, fmt.Errorf("%s is not this site", r.Site)
	}
	return issueNode(c.SiteKey, c.SiteCertificate(), c.SiteChain(), r.Node, r.Key, time.Now())
}

// Secrets encrypts the site's secrets to a new node's key.
func (a Authority) Secrets(pub *gmcrypto.PublicKey) ([]byte, error) {
	return a.Credentials.SecretsFor(pub)
}
