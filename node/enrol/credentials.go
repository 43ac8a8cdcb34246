package enrol

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Lifetimes. A certificate starts a day in the past so that a peer whose clock is a few hours behind still believes it.
const (
	RootValid  = 30 * 365 * 24 * time.Hour
	SiteValid  = 10 * 365 * 24 * time.Hour
	NodeValid  = 90 * 24 * time.Hour
	backdating = 24 * time.Hour
)

// ErrNotEnrolled means the data directory holds no complete node.
var ErrNotEnrolled = errors.New("data directory holds no enrolled node")

// Credentials are the keys and certificates of an enrolled node.
type Credentials struct {
	Member  Member
	NodeKey *gmcrypto.PrivateKey
	SiteKey *gmcrypto.PrivateKey
	Sealer  *gmcrypto.Sealer
	Trust   *identity.Trust
	Root    *identity.Certificate

	store     store
	dataKey   []byte
	siteChain []*identity.Certificate // site … down to, without, the root; empty at the root site

	mu    sync.Mutex // guards chain
	chain []*identity.Certificate
}

// Load reads the credentials of an enrolled node. The error is ErrNotEnrolled when enrolment has not been completed, gmcrypto.ErrPassphrase when
// the passphrase does not open the key.
func Load(dir string, passphrase []byte) (*Credentials, error) {
	s := store{dir}
	if !s.has(nodeCrtFile) {
		return nil, fmt.Errorf("%w: %s (run: fengsui node init)", ErrNotEnrolled, dir)
	}
	m, err := s.member()
	if err != nil {
		return nil, err
	}
	key, err := gmcrypto.LoadKey(s.path(nodeKeyFile), passphrase)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{dataKeyFile, siteKeyFile} { // never made anew under a complete node
		if !s.has(name) {
			return nil, fmt.Errorf("read %s: %w", s.path(name), fs.ErrNotExist)
		}
	}
	c := &Credentials{Member: m, NodeKey: key, store: s}
	if c.dataKey, err = s.dataKey(key); err != nil {
		return nil, err
	}
	if c.Sealer, err = gmcrypto.NewSealer(c.dataKey); err != nil {
		return nil, err
	}
	if c.SiteKey, err = s.siteKey(m.Site, c.Sealer); err != nil {
		return nil, err
	}
	roots, err := s.certificates(trustFile)
	if err != nil {
		return nil, err
	}
	c.Root, c.Trust = roots[0], identity.NewTrust(roots...)
	if c.chain, err = s.certificates(nodeCrtFile); err != nil {
		return nil, err
	}
	c.siteChain = c.chain[1:]
	return c, c.check()
}

// check compares the parts with each other: files of two directories mixed up are told here, not by a refused handshake.
func (c *Credentials) check() error {
	leaf := c.chain[0]
	site := c.SiteCertificate()
	switch {
	case leaf.Role() != identity.RoleNode || leaf.Site() != c.Member.Site || leaf.Node() != c.Member.Node:
		return fmt.Errorf("%s is of %s, %s says %s/%s", c.store.path(nodeCrtFile), leaf, memberFile, c.Member.Site, c.Member.Node)
	case !leaf.PublicKey().Equal(c.NodeKey.Public()):
		return fmt.Errorf("%s does not belong to %s", c.store.path(nodeCrtFile), nodeKeyFile)
	case site.Site() != c.Member.Site || !site.PublicKey().Equal(c.SiteKey.Public()):
		return fmt.Errorf("%s does not belong to the certificate of site %s", c.store.path(siteKeyFile), site.Site())
	}
	return nil
}

// SiteCertificate is the certificate of the site's own authority.
func (c *Credentials) SiteCertificate() *identity.Certificate {
	if len(c.siteChain) > 0 {
		return c.siteChain[0]
	}
	return c.Root
}

// SiteChain is the site's certificate, those above it, and the root last.
func (c *Credentials) SiteChain() []*identity.Certificate {
	return append(append([]*identity.Certificate(nil), c.siteChain...), c.Root)
}

// Chain is the node's present chain, leaf first, root last.
func (c *Credentials) Chain() []*identity.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(append([]*identity.Certificate(nil), c.chain...), c.Root)
}

// Certificate is the node's present certificate.
func (c *Credentials) Certificate() *identity.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chain[0]
}

// RenewAt is when the node's certificate should be issued anew: at two thirds of its life.
func (c *Credentials) RenewAt() time.Time {
	crt := c.Certificate()
	return crt.NotBefore().Add(crt.NotAfter().Sub(crt.NotBefore()) * 2 / 3)
}

// Renew issues the node's certificate anew with the site's key. It needs nobody else, so it also works on a site that is cut off, and on a
// node whose certificate has lapsed.
func (c *Credentials) Renew(now time.Time) error {
	chain, err := issueNode(c.SiteKey, c.SiteCertificate(), c.siteChain, c.Member.Node, c.NodeKey.Public(), now)
	if err != nil {
		return err
	}
	if err := c.store.write(nodeCrtFile, identity.MarshalPEM(chain)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chain = chain
	return nil
}

func issueNode(key *gmcrypto.PrivateKey, site *identity.Certificate, above []*identity.Certificate, node string, pub *gmcrypto.PublicKey, now time.Time) ([]*identity.Certificate, error) {
	crt, err := identity.IssueNode(key, site, node, pub, now.Add(-backdating), NodeValid+backdating)
	if err != nil {
		return nil, fmt.Errorf("issue the certificate of node %s: %w", node, err)
	}
	return append([]*identity.Certificate{crt}, above...), nil
}

// secrets is what a new node of a site is given, encrypted to its key.
type secrets struct {
	Format  int           `json:"format"`
	Site    identity.Site `json:"site"`
	Name    string        `json:"name"`
	DataKey []byte        `json:"data_key"`
	SiteKey []byte        `json:"site_key"` // PKCS#8 PEM
}

// SecretsFor encrypts the site's secrets to a node's key. Only a node that has been admitted to the site may be given them.
func (c *Credentials) SecretsFor(node *gmcrypto.PublicKey) ([]byte, error) {
	pem, err := gmcrypto.MarshalKey(c.SiteKey, nil)
	if err != nil {
		return nil, fmt.Errorf("encode the site's key: %w", err)
	}
	b, err := json.Marshal(secrets{memberFormat, c.Member.Site, c.Member.Name, c.dataKey, pem})
	if err != nil {
		return nil, fmt.Errorf("encode the site's secrets: %w", err)
	}
	return node.Encrypt(b)
}

// openSecrets is the other end of SecretsFor.
func openSecrets(node *gmcrypto.PrivateKey, sealed []byte, site identity.Site) (s secrets, key *gmcrypto.PrivateKey, err error) {
	b, err := node.Decrypt(sealed)
	if err != nil {
		return s, nil, fmt.Errorf("open the site's secrets: %w", err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, nil, errors.New("the site's secrets have an unknown form") // json's error could quote them
	}
	if s.Format != memberFormat || s.Site != site || len(s.DataKey) != gmcrypto.DataKeySize {
		return s, nil, fmt.Errorf("the secrets received are not those of site %s", site)
	}
	key, err = gmcrypto.ParseKey(s.SiteKey, nil)
	return s, key, err
}

func randomBytes(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	return b, nil
}
