package enrol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"fengsui/cascade/register"
	"fengsui/cascade/wire"
	"fengsui/federation/link"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Join enrols with a token: as the first node of a child site, or as a further node of a site. It waits for the decision until ctx ends. Run again
// after any interruption, with the same token, it goes on where it stopped; the keys are kept.
//
// via, when not empty, replaces the addresses in the token (a relay, a translated address).
func Join(ctx context.Context, cfg Config, token string, via []string) error {
	cfg.fill()
	t, err := register.ParseToken(token)
	if err != nil {
		return err
	}
	if identity.Site(t.GetSite()) != cfg.Site {
		return fmt.Errorf("the token is for site %s, this node is configured for %s", t.GetSite(), cfg.Site)
	}
	if t.GetNode() != "" && t.GetNode() != cfg.Node {
		return fmt.Errorf("the token is for node %s, this one is configured as %s", t.GetNode(), cfg.Node)
	}
	if len(via) > 0 {
		t.Addresses = slices.Clone(via)
	}
	s, release, done, err := prepare(&cfg)
	if err != nil {
		return err
	}
	defer release()
	if done {
		return nil
	}
	if t.GetPurpose() == wire.PurposeNode {
		return joinSite(ctx, &cfg, s, t)
	}
	return joinTree(ctx, &cfg, s, t)
}

// joinTree makes the first node of a child site.
func joinTree(ctx context.Context, cfg *Config, s store, t *wire.Token) error {
	cfg.Progress(fmt.Sprintf("making the keys of %s/%s in %s", cfg.Site, cfg.Node, cfg.Dir))
	node, site, _, err := ownKeys(s, cfg)
	if err != nil {
		return err
	}
	request, err := identity.NewRequest(site, cfg.Site, "")
	if err != nil {
		return fmt.Errorf("ask for a site certificate: %w", err)
	}
	name := cfg.Name
	if name == "" {
		name = cfg.Site.String()
	}
	got, err := ask(ctx, cfg, t, node, request, name)
	if err != nil {
		return err
	}
	root := got.Chain[len(got.Chain)-1]
	above := got.Chain[:len(got.Chain)-1]
	chain, err := issueNode(site, above[0], above, cfg.Node, node.Public(), cfg.Now())
	if err != nil {
		return err
	}
	if err := s.write(trustFile, identity.MarshalPEM([]*identity.Certificate{root})); err != nil {
		return err
	}
	addrs := got.Addresses
	if len(addrs) == 0 {
		addrs = t.GetAddresses()
	}
	if err := s.writeMember(Member{
		Site: cfg.Site, Name: cfg.Name, Node: cfg.Node, First: true,
		Parent: &ParentSite{Site: got.Site, Addrs: addrs, RootFingerprint: root.Fingerprint().String()},
	}); err != nil {
		return err
	}
	if err := s.write(nodeCrtFile, identity.MarshalPEM(chain)); err != nil {
		return err
	}
	cfg.Progress(fmt.Sprintf("%s is enrolled below %s", cfg.Site, got.Site))
	return nil
}

// joinSite makes a further node of a site.
func joinSite(ctx context.Context, cfg *Config, s store, t *wire.Token) error {
	cfg.Progress(fmt.Sprintf("making the key of %s/%s in %s", cfg.Site, cfg.Node, cfg.Dir))
	node, err := s.nodeKey(cfg.Passphrase)
	if err != nil {
		return err
	}
	request, err := identity.NewRequest(node, cfg.Site, cfg.Node)
	if err != nil {
		return fmt.Errorf("ask for a node certificate: %w", err)
	}
	got, err := ask(ctx, cfg, t, node, request, cfg.Node)
	if err != nil {
		return err
	}
	sec, site, err := openSecrets(node, got.Secrets, cfg.Site)
	if err != nil {
		return err
	}
	if len(got.Chain) < 2 || !got.Chain[1].PublicKey().Equal(site.Public()) {
		return fmt.Errorf("the secrets received do not belong to the certificate of site %s", cfg.Site)
	}
	sealer, err := gmcrypto.NewSealer(sec.DataKey)
	if err != nil {
		return err
	}
	if err := s.writeDataKey(node, sec.DataKey); err != nil {
		return err
	}
	if err := s.writeSiteKey(cfg.Site, sealer, site); err != nil {
		return err
	}
	root := got.Chain[len(got.Chain)-1]
	if err := s.write(trustFile, identity.MarshalPEM([]*identity.Certificate{root})); err != nil {
		return err
	}
	addrs := got.Addresses
	if len(addrs) == 0 {
		addrs = t.GetAddresses()
	}
	if err := s.writeMember(Member{Site: cfg.Site, Name: sec.Name, Node: cfg.Node, Peers: addrs}); err != nil {
		return err
	}
	if err := s.write(nodeCrtFile, identity.MarshalPEM(got.Chain[:len(got.Chain)-1])); err != nil {
		return err
	}
	cfg.Progress(fmt.Sprintf("%s/%s is enrolled", cfg.Site, cfg.Node))
	return nil
}

// ask brings a request to the inviting site over a guest's link and waits for the decision.
func ask(ctx context.Context, cfg *Config, t *wire.Token, node *gmcrypto.PrivateKey, request []byte, name string) (*register.Enrolled, error) {
	guest, err := identity.Guest(node, cfg.Site, cfg.Node, cfg.Now().Add(-backdating))
	if err != nil {
		return nil, fmt.Errorf("make the guest certificate: %w", err)
	}
	verify := register.VerifyParent(t, cfg.Now)
	transport, err := link.Open(link.Config{
		Listen: ":0", Key: node, Chain: func() []*identity.Certificate { return []*identity.Certificate{guest} }, Logger: cfg.Logger,
		Advertise: "127.0.0.1:1", // never told: nobody dials a guest
		Verify: func(chain []*identity.Certificate) (identity.Peer, error) {
			p, err := verify(chain)
			if hint := ClockHint(err, cfg.Now()); hint != "" {
				err = fmt.Errorf("%w: %s", err, hint)
			}
			return p, err
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := transport.Close(); err != nil {
			cfg.Logger.Debug("close the guest's link", "error", err)
		}
	}()
	said := map[string]bool{}
	say := func(text string) {
		if !said[text] { // a parent that stays away is told of once
			said[text] = true
			cfg.Progress(text)
		}
	}
	next := 0
	return register.Enrol(ctx, register.EnrolConfig{
		Token: t, Request: request, ChannelKey: node.Public(), Name: name, Addresses: cfg.Advertise, Now: cfg.Now,
		Open: func(ctx context.Context) (net.Conn, error) {
			var faults []error
			for range t.GetAddresses() {
				addr := t.GetAddresses()[next%len(t.GetAddresses())]
				next++
				say("asking " + t.GetParent() + " at " + addr)
				s, err := transport.OpenStream(ctx, link.Target{Addr: addr, Site: identity.Site(t.GetParent())}, link.KindRegister)
				if err == nil {
					return s, nil
				}
				faults = append(faults, err)
			}
			return nil, errors.Join(faults...)
		},
		Pending: say,
		Retry:   func(err error) { say(fmt.Sprintf("%s: %v: trying again", t.GetParent(), oneLine(err))) },
	})
}

// oneLine keeps joined errors on one line.
func oneLine(err error) string {
	b := []byte(err.Error())
	for i, c := range b {
		if c == '\n' {
			b[i] = ';'
		}
	}
	return string(b)
}
