package issue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// Proposer commits a command in the site's ledger and returns the table's value. An error means
// the outcome is unknown or nothing was committed; both are safe to repeat here.
type Proposer interface {
	Propose(ctx context.Context, kind uint16, id [16]byte, body []byte) (value []byte, err error)
}

// Signer signs with the site's authority key.
type Signer interface {
	Sign(label gmcrypto.Label, msg []byte) ([]byte, error)
	// Chain is the authority's certificate and those above it, DER, the site's own first.
	Chain() [][]byte
}

// PublisherConfig is what a Publisher needs; all of it is required.
type PublisherConfig struct {
	Site     identity.Site
	Ledger   Ledger
	Proposer Proposer
	Sealer   Sealer
	Signer   Signer
}

// Draft is a document to be issued.
type Draft struct {
	Kind, Name string
	Targets    []identity.Site // each means its subtree; none means this site's
	Body       []byte          // up to wire.DocumentBodyBytesMax
}

// Publisher issues documents in the name of this site.
type Publisher struct{ cfg PublisherConfig }

// NewPublisher returns a Publisher.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	if cfg.Site == "" || cfg.Ledger == nil || cfg.Proposer == nil || cfg.Sealer == nil || cfg.Signer == nil {
		return nil, errors.New("issue publisher: site, ledger, proposer, sealer and signer are required")
	}
	return &Publisher{cfg}, nil
}

// attemptsMax bounds how often two publishers of one document may overtake each other.
const attemptsMax = 8

// Issue signs the draft as the next version of its document and commits it. The returned
// document has no body. A draft that breaks a rule is a *wire.Error with CodeMalformed,
// CodeTooLarge or CodeOutOfScope.
func (p *Publisher) Issue(ctx context.Context, d Draft) (*wire.Document, error) {
	if len(d.Body) > wire.DocumentBodyBytesMax {
		return nil, wire.Refuse(wire.CodeTooLarge, "body of %d bytes, at most %d", len(d.Body), wire.DocumentBodyBytesMax)
	}
	for _, t := range d.Targets {
		if !p.cfg.Site.Contains(t) {
			return nil, wire.Refuse(wire.CodeOutOfScope, "target %s is not in the subtree of %s", t, p.cfg.Site)
		}
	}
	for range attemptsMax {
		doc, err := p.sign(d)
		if err != nil {
			return nil, err
		}
		c := committer{p.cfg.Site, p.cfg.Proposer, p.cfg.Sealer}
		if err = c.commit(ctx, doc, d.Body); err == nil {
			doc.Body = nil
			return doc, nil
		}
		if !errors.Is(err, errNotNewer) {
			return nil, err
		}
	}
	return nil, wire.Refuse(wire.CodeConflict, "others issue %s/%s at the same time: try again", d.Kind, d.Name)
}

func (p *Publisher) sign(d Draft) (*wire.Document, error) {
	key := Key{p.cfg.Site, d.Kind, d.Name}
	newest, err := readNewest(p.cfg.Ledger, key)
	if err != nil {
		return nil, err
	}
	version := newest.GetHeader().GetVersion() + 1
	sum := gmcrypto.SM3(d.Body)
	doc := &wire.Document{
		Issuer: string(p.cfg.Site), Kind: d.Kind, Name: d.Name, Version: version, Created: time.Now().UnixNano(),
		BodySize: uint64(len(d.Body)), BodyDigest: sum[:], Chain: p.cfg.Signer.Chain(),
	}
	for _, t := range d.Targets {
		doc.Targets = append(doc.Targets, string(t))
	}
	digest := Digest(doc)
	if doc.Signature, err = p.cfg.Signer.Sign(Label, digest[:]); err != nil {
		return nil, fmt.Errorf("signing %s: %w", key, err)
	}
	if err := doc.Check(); err != nil {
		return nil, err
	}
	return doc, nil
}

// committer brings a document into the ledger, its body sealed in pieces.
type committer struct {
	site     identity.Site
	proposer Proposer
	sealer   Sealer
}

// commit returns errNotNewer when the ledger holds this version or a newer one.
func (c committer) commit(ctx context.Context, doc *wire.Document, body []byte) error {
	bodyID := make([]byte, wire.IDBytes)
	if _, err := rand.Read(bodyID); err != nil {
		return fmt.Errorf("naming the body: %w", err)
	}
	header := proto.CloneOf(doc)
	header.Body = nil
	var sealed [][]byte
	for i := uint32(0); int(i)*wire.DocumentChunkBytes < len(body); i++ {
		piece := body[int(i)*wire.DocumentChunkBytes:]
		piece = piece[:min(len(piece), wire.DocumentChunkBytes)]
		sealed = append(sealed, c.sealer.Seal(nil, piece, pieceAAD(bodyID, i)))
	}
	command := &wire.CommandCommit{
		Document: &wire.StoredDocument{Header: header, BodyId: bodyID, Pieces: uint32(len(sealed))},
		Site:     string(c.site),
	}
	if len(sealed) <= 1 {
		command.Sealed = sealed
	} else {
		for i, piece := range sealed {
			stage, err := proto.Marshal(&wire.CommandStage{BodyId: bodyID, Index: uint32(i), Sealed: piece})
			if err != nil {
				return fmt.Errorf("encoding piece: %w", err)
			}
			if _, err := c.proposer.Propose(ctx, KindStage, [16]byte{}, stage); err != nil {
				return fmt.Errorf("committing piece %d of %s: %w", i, KeyOf(doc), err)
			}
		}
	}
	b, err := proto.Marshal(command)
	if err != nil {
		return fmt.Errorf("encoding document: %w", err)
	}
	value, err := c.proposer.Propose(ctx, KindCommit, [16]byte{}, b)
	if err != nil {
		return fmt.Errorf("committing %s version %d: %w", KeyOf(doc), doc.GetVersion(), err)
	}
	var result wire.CommitResult
	if err := proto.Unmarshal(value, &result); err != nil {
		return fmt.Errorf("result of committing %s: %w", KeyOf(doc), err)
	}
	switch result.GetCode() {
	case wire.CodeOK:
		return nil
	case wire.CodeDuplicate, wire.CodeStaleVersion:
		return fmt.Errorf("%s version %d: %w (version %d)", KeyOf(doc), doc.GetVersion(), errNotNewer, result.GetNewest())
	}
	return wire.Refuse(result.GetCode(), "%s version %d was not taken into the ledger", KeyOf(doc), doc.GetVersion())
}
