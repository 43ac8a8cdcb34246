package issue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Label is what a document's signature is for (see gmcrypto.Label).
const Label gmcrypto.Label = "fengsui document v1"

// Key names a document over all its versions.
type Key struct {
	Issuer identity.Site
	Kind   string // "ruleset", "indicators", "blocklist" …
	Name   string
}

// String is how a document is named in logs and errors.
func (k Key) String() string { return fmt.Sprintf("%s/%s/%s", k.Issuer, k.Kind, k.Name) }

// KeyOf names the document d is a version of.
func KeyOf(d interface {
	GetIssuer() string
	GetKind() string
	GetName() string
},
) Key {
	return Key{identity.Site(d.GetIssuer()), d.GetKind(), d.GetName()}
}

// Digest is what the issuer signs: SM3 over every field up to the body's digest, each with its
// length, so that no two documents read the same.
func Digest(d *wire.Document) [32]byte {
	text := func(b []byte, s string) []byte {
		return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	b := text(nil, d.GetIssuer())
	b = text(b, d.GetKind())
	b = text(b, d.GetName())
	b = binary.BigEndian.AppendUint64(b, d.GetVersion())
	b = binary.BigEndian.AppendUint32(b, uint32(len(d.GetTargets())))
	for _, t := range d.GetTargets() {
		b = text(b, t)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(d.GetCreated()))
	b = binary.BigEndian.AppendUint64(b, d.GetBodySize())
	b = text(b, string(d.GetBodyDigest()))
	return gmcrypto.SM3(b)
}

// Concerns tells whether a site is to apply the document: it lies in the subtree of one of the
// targets, or, without targets, in the issuer's.
func Concerns(d *wire.Document, site identity.Site) bool {
	if len(d.GetTargets()) == 0 {
		return identity.Site(d.GetIssuer()).Contains(site)
	}
	return slices.ContainsFunc(d.GetTargets(), func(t string) bool { return identity.Site(t).Contains(site) })
}

// passes tells whether a child is to have the document: for itself, or for a site below it.
func passes(d *wire.Document, child identity.Site) bool {
	return Concerns(d, child) ||
		slices.ContainsFunc(d.GetTargets(), func(t string) bool { return child.Above(identity.Site(t)) })
}

// Verifier checks a chain of certificates, leaf first, against this site's trust anchors.
type Verifier interface {
	Verify(chain []*identity.Certificate, now time.Time) (identity.Peer, error)
}

// verify decides whether a document from above may be believed: the chain reaches a trusted
// root, its leaf is the authority of the issuer, the issuer stands above this site, the
// signature holds, and the body is the one that was signed.
func verify(d *wire.Document, body []byte, site identity.Site, trust Verifier, now time.Time) error {
	chain := make([]*identity.Certificate, 0, len(d.GetChain()))
	for i, der := range d.GetChain() {
		c, err := identity.ParseDER(der)
		if err != nil {
			return wire.Refuse(wire.CodeSignature, "chain[%d]: %w", i, err)
		}
		chain = append(chain, c)
	}
	peer, err := trust.Verify(chain, now)
	if err != nil {
		return wire.Refuse(wire.CodeSignature, "chain: %w", err)
	}
	issuer := identity.Site(d.GetIssuer())
	if peer.Role != identity.RoleSite || peer.Site != issuer {
		return wire.Refuse(wire.CodeIssuer, "signed by %s (%s), not by the authority of %s", peer.Site, peer.Role, issuer)
	}
	if !issuer.Above(site) {
		return wire.Refuse(wire.CodeIssuer, "issued by %s, which is not above %s", issuer, site)
	}
	digest := Digest(d)
	if err := peer.Key.Verify(Label, digest[:], d.GetSignature()); err != nil {
		return wire.Refuse(wire.CodeSignature, "signature of %s: %w", issuer, err)
	}
	if sum := gmcrypto.SM3(body); uint64(len(body)) != d.GetBodySize() || !slices.Equal(sum[:], d.GetBodyDigest()) {
		return wire.Refuse(wire.CodeDigest, "the body is not the one that was signed")
	}
	return nil
}

// Sealer seals what is kept; *gmcrypto.Sealer is one.
type Sealer interface {
	Seal(dst, plaintext, aad []byte) []byte
	Open(dst, sealed, aad []byte) ([]byte, error)
}

func pieceAAD(bodyID []byte, index uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte("issue body "), bodyID...), index)
}

func reasonAAD(s *wire.DocumentState) []byte {
	return fmt.Appendf(nil, "issue reason %s %s %s %s %s", s.GetIssuer(), s.GetKind(), s.GetName(), s.GetSite(), s.GetNode())
}

// sealState moves the reason of a state into its sealed form.
func sealState(s Sealer, state *wire.DocumentState) *wire.StoredState {
	kept := proto.CloneOf(state)
	kept.Reason = ""
	out := &wire.StoredState{State: kept}
	if state.GetReason() != "" {
		out.Reason = s.Seal(nil, []byte(state.GetReason()), reasonAAD(kept))
	}
	return out
}

// openState is the other direction.
func openState(s Sealer, stored *wire.StoredState) (*wire.DocumentState, error) {
	out := proto.CloneOf(stored.GetState())
	if len(stored.GetReason()) == 0 {
		return out, nil
	}
	reason, err := s.Open(nil, stored.GetReason(), reasonAAD(out))
	if err != nil {
		return nil, fmt.Errorf("opening the reason of %s at %s/%s: %w", KeyOf(out), out.GetSite(), out.GetNode(), err)
	}
	out.Reason = string(reason)
	return out, nil
}

// errNotNewer means a commit did not happen because the ledger holds that version or a newer one.
var errNotNewer = errors.New("not newer than what is held")
