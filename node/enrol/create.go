package enrol

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"fengsui/federation/durable"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Config says whose directory is being set up.
type Config struct {
	Dir        string
	Site       identity.Site
	Name       string // of the site
	Node       string
	Passphrase []byte
	Advertise  []string // addresses the node will be reached at; told when it enrols
	Logger     *slog.Logger
	Progress   func(step string) // one line a step, for a person; nil = nobody watches
	Now        func() time.Time  // nil = time.Now
}

func (c *Config) fill() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// Create sets up the topmost site and its first node. Run again it completes what is missing and changes nothing that is there.
func Create(cfg Config) error {
	cfg.fill()
	s, release, done, err := prepare(&cfg)
	if err != nil {
		return err
	}
	defer release()
	if done {
		return nil
	}
	cfg.Progress(fmt.Sprintf("making the keys of %s/%s in %s", cfg.Site, cfg.Node, cfg.Dir))
	node, site, _, err := ownKeys(s, &cfg)
	if err != nil {
		return err
	}
	if !s.has(trustFile) {
		root, err := identity.NewRoot(site, cfg.Site, cfg.Name, cfg.Now().Add(-backdating), RootValid)
		if err != nil {
			return fmt.Errorf("make the root certificate: %w", err)
		}
		if err := s.write(trustFile, identity.MarshalPEM([]*identity.Certificate{root})); err != nil {
			return err
		}
	}
	roots, err := s.certificates(trustFile)
	if err != nil {
		return err
	}
	if roots[0].Site() != cfg.Site || !roots[0].PublicKey().Equal(site.Public()) {
		return fmt.Errorf("%s is not the root of site %s made here: the directory was used for something else; choose an empty one", s.path(trustFile), cfg.Site)
	}
	cfg.Progress("root of trust: " + roots[0].Fingerprint().String())
	chain, err := issueNode(site, roots[0], nil, cfg.Node, node.Public(), cfg.Now())
	if err != nil {
		return err
	}
	if err := s.writeMember(Member{Site: cfg.Site, Name: cfg.Name, Node: cfg.Node, First: true}); err != nil {
		return err
	}
	return s.write(nodeCrtFile, identity.MarshalPEM(chain))
}

// prepare makes and locks the directory and looks whether it already is what is asked for (done).
func prepare(cfg *Config) (s store, release func(), done bool, err error) {
	if _, err := identity.ParseSite(cfg.Site.String()); err != nil {
		return s, nil, false, err
	}
	if err := durable.EnsureDir(cfg.Dir, 0o700); err != nil {
		return s, nil, false, fmt.Errorf("make data directory: %w", err)
	}
	if err := os.Chmod(cfg.Dir, 0o700); err != nil {
		return s, nil, false, fmt.Errorf("protect data directory: %w", err)
	}
	unlock, err := durable.LockDir(cfg.Dir)
	if err != nil {
		return s, nil, false, err
	}
	release = func() {
		if err := unlock(); err != nil {
			cfg.Logger.Warn("unlock data directory", "error", err)
		}
	}
	s = store{cfg.Dir}
	m, err := s.member()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, release, false, nil
	case err != nil:
	case m.Site != cfg.Site || m.Node != cfg.Node:
		err = fmt.Errorf("%s already belongs to %s/%s, not to %s/%s: choose another data directory", cfg.Dir, m.Site, m.Node, cfg.Site, cfg.Node)
	case s.has(nodeCrtFile):
		if _, err = Load(cfg.Dir, cfg.Passphrase); err == nil {
			cfg.Progress(fmt.Sprintf("%s already holds %s/%s", cfg.Dir, m.Site, m.Node))
			return s, release, true, nil
		}
	}
	if err != nil {
		release()
		return s, nil, false, err
	}
	return s, release, false, nil
}

// ownKeys loads or makes the node's key, the data key and the site's key, for a node that is its site's first.
func ownKeys(s store, cfg *Config) (node, site *gmcrypto.PrivateKey, sealer *gmcrypto.Sealer, err error) {
	if node, err = s.nodeKey(cfg.Passphrase); err != nil {
		return nil, nil, nil, err
	}
	data, err := s.dataKey(node)
	if err != nil {
		return nil, nil, nil, err
	}
	if sealer, err = gmcrypto.NewSealer(data); err != nil {
		return nil, nil, nil, err
	}
	site, err = s.siteKey(cfg.Site, sealer)
	return node, site, sealer, err
}

// ClockHint explains a certificate that is not valid now to a person whose clock may be wrong; "" for other errors.
func ClockHint(err error, now time.Time) string {
	if errors.Is(err, identity.ErrNotYetValid) || errors.Is(err, identity.ErrExpired) {
		return "this machine's clock says " + strings.TrimSpace(now.Format(time.DateTime+" MST")) + ": correct it if that is wrong"
	}
	return ""
}
