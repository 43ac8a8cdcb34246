package enrol

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fengsui/federation/durable"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Names inside the data directory.
const (
	nodeKeyFile = "node.key"
	dataKeyFile = "data.key"
	siteKeyFile = "site.key.sealed"
	trustFile   = "trust.pem"
	memberFile  = "member.json"
	nodeCrtFile = "node.crt"
)

const (
	memberFormat   = 1
	fileBytesMax   = 1 << 20
	siteKeySealAAD = "fengsui site key v1|"
)

// Member says which place of which site this directory holds.
type Member struct {
	Format int           `json:"format"`
	Site   identity.Site `json:"site"`
	Name   string        `json:"name"` // of the site
	Node   string        `json:"node"`
	First  bool          `json:"first"`            // the site's first node: bootstraps its cluster
	Peers  []string      `json:"peers,omitempty"`  // addresses of the site's nodes when this one joined
	Parent *ParentSite   `json:"parent,omitempty"` // of a child site's first node, until the ledger holds it
}

// ParentSite is the site above as the token and the enrolment told.
type ParentSite struct {
	Site            identity.Site `json:"site"`
	Addrs           []string      `json:"addrs"`
	RootFingerprint string        `json:"root_fingerprint"`
}

// store reads and writes the files of one data directory.
type store struct{ dir string }

func (s store) path(name string) string { return filepath.Join(s.dir, name) }

func (s store) has(name string) bool {
	_, err := os.Lstat(s.path(name))
	return err == nil
}

func (s store) write(name string, data []byte) error {
	if err := durable.WriteFile(s.path(name), data, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (s store) read(name string) ([]byte, error) {
	fi, err := os.Stat(s.path(name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if fi.Size() > fileBytesMax {
		return nil, fmt.Errorf("read %s: %d bytes cannot be one of ours", s.path(name), fi.Size())
	}
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

func (s store) member() (Member, error) {
	var m Member
	b, err := s.read(memberFile)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("read %s: %w", s.path(memberFile), err)
	}
	if m.Format != memberFormat {
		return m, fmt.Errorf("read %s: format %d is not known to this version", s.path(memberFile), m.Format)
	}
	return m, nil
}

func (s store) writeMember(m Member) error {
	m.Format = memberFormat
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", memberFile, err)
	}
	return s.write(memberFile, append(b, '\n'))
}

// nodeKey loads the node's key, or makes and saves one.
func (s store) nodeKey(passphrase []byte) (*gmcrypto.PrivateKey, error) {
	k, err := gmcrypto.LoadKey(s.path(nodeKeyFile), passphrase)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k, err = gmcrypto.GenerateKey(); err != nil {
		return nil, err
	}
	return k, gmcrypto.SaveKey(s.path(nodeKeyFile), k, passphrase)
}

// dataKey loads the site's data key, or makes and saves one.
func (s store) dataKey(node *gmcrypto.PrivateKey) ([]byte, error) {
	b, err := s.read(dataKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := randomBytes(gmcrypto.DataKeySize)
		if err != nil {
			return nil, err
		}
		return key, s.writeDataKey(node, key)
	}
	if err != nil {
		return nil, err
	}
	key, err := node.Decrypt(b)
	if err != nil || len(key) != gmcrypto.DataKeySize {
		return nil, fmt.Errorf("open %s with the node's key: %w", s.path(dataKeyFile), errors.Join(err, gmcrypto.ErrDecrypt))
	}
	return key, nil
}

func (s store) writeDataKey(node *gmcrypto.PrivateKey, key []byte) error {
	sealed, err := node.Public().Encrypt(key)
	if err != nil {
		return fmt.Errorf("encrypt the data key: %w", err)
	}
	return s.write(dataKeyFile, sealed)
}

// siteKey loads the site authority's key, or makes and saves one.
func (s store) siteKey(site identity.Site, sealer *gmcrypto.Sealer) (*gmcrypto.PrivateKey, error) {
	sealed, err := s.read(siteKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		k, err := gmcrypto.GenerateKey()
		if err != nil {
			return nil, err
		}
		return k, s.writeSiteKey(site, sealer, k)
	}
	if err != nil {
		return nil, err
	}
	pem, err := sealer.Open(nil, sealed, []byte(siteKeySealAAD+site.String()))
	if err != nil {
		return nil, fmt.Errorf("open %s with the site's data key: %w", s.path(siteKeyFile), err)
	}
	return gmcrypto.ParseKey(pem, nil)
}

func (s store) writeSiteKey(site identity.Site, sealer *gmcrypto.Sealer, k *gmcrypto.PrivateKey) error {
	pem, err := gmcrypto.MarshalKey(k, nil)
	if err != nil {
		return fmt.Errorf("encode the site's key: %w", err)
	}
	return s.write(siteKeyFile, sealer.Seal(nil, pem, []byte(siteKeySealAAD+site.String())))
}

func (s store) certificates(name string) ([]*identity.Certificate, error) {
	b, err := s.read(name)
	if err != nil {
		return nil, err
	}
	certs, err := identity.ParsePEM(b)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w (restore the file from a backup, or enrol a new node with a fresh invite)", s.path(name), err)
	}
	return certs, nil
}
