package register

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// EnrolConfig is what an enrolment needs. All fields are required but Addresses, Pending and
// Retry.
type EnrolConfig struct {
	Token *wire.Token
	// Request is the certificate request (identity.NewRequest): for a site the key of its
	// authority, for a node the node's key. The same request, and so the same key, must be
	// given when an enrolment is taken up again.
	Request []byte
	// ChannelKey is the public key with which the streams Open returns are authenticated.
	ChannelKey *gmcrypto.PublicKey
	Name       string   // of the site, for people; of the node, for a node
	Addresses  []string // where the enrolling node can be reached
	// Open returns a new stream to a node of the inviting site.
	Open func(ctx context.Context) (net.Conn, error)
	// Pending is told, at least once, that a person's decision is waited for.
	Pending func(text string)
	// Retry is told why another attempt is made.
	Retry func(err error)
	Now   func() time.Time // default time.Now
}

// Enrolled is what an approved newcomer has.
type Enrolled struct {
	Site      identity.Site           // that let it in
	Chain     []*identity.Certificate // own certificate first, root last; verified
	Secrets   []byte                  // for a node: the site's secrets, sealed to its key
	Addresses []string                // of the site that let it in
}

// Bounds of the pause between attempts.
const (
	retryMin = 200 * time.Millisecond
	retryMax = 5 * time.Second
)

// Enrol asks until it is let in, or refused for good, or ctx ends. It is safe to call again
// with the same request for ever: an answer that was lost is given again. A refusal is an
// *wire.Error.
func Enrol(ctx context.Context, cfg EnrolConfig) (*Enrolled, error) {
	if cfg.Token == nil || cfg.ChannelKey == nil || cfg.Open == nil || cfg.Name == "" {
		return nil, errors.New("enrolling: token, channel key, open and name are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r, err := identity.ParseRequest(cfg.Request)
	if err != nil {
		return nil, fmt.Errorf("enrolling: %w", err)
	}
	if r.Site != identity.Site(cfg.Token.Site) || (cfg.Token.Purpose == wire.PurposeNode) != (r.Node != "") {
		return nil, wire.Refuse(wire.CodeForbidden, "the token is for %s (%s), the request for %s/%s", cfg.Token.Site, cfg.Token.Purpose, r.Site, r.Node)
	}
	pause := retryMin
	for {
		done, err := attempt(ctx, cfg, r)
		switch {
		case err == nil:
			return done, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("enrolling: %w", ctx.Err())
		case final(err):
			return nil, fmt.Errorf("enrolling at %s: %w", cfg.Token.Parent, err)
		}
		if cfg.Retry != nil {
			cfg.Retry(err)
		}
		wait := time.NewTimer(pause/2 + rand.N(pause/2))
		pause = min(2*pause, retryMax)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, fmt.Errorf("enrolling: %w (last attempt: %w)", ctx.Err(), err)
		}
	}
}

// final tells refusals that asking again cannot change.
func final(err error) bool {
	switch wire.CodeOf(err) {
	case wire.CodeInternal, wire.CodeUnavailable, wire.CodeBusy, wire.CodeDeadline:
		return false
	}
	return true
}

// attempt asks once and waits for the decision as long as the stream lasts.
func attempt(ctx context.Context, cfg EnrolConfig, r identity.Request) (*Enrolled, error) {
	conn, err := cfg.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("reaching the inviting site: %w", err)
	}
	defer wire.Bind(ctx, conn)()
	c := wire.NewConn(conn)
	req := &wire.EnrolRequest{
		Version: wire.Version, Purpose: cfg.Token.Purpose, InviteId: cfg.Token.InviteId, Request: cfg.Request,
		Name: cfg.Name, Addresses: cfg.Addresses,
	}
	verifier := Verifier(cfg.Token.Secret)
	mac := proof(verifier[:], req, fingerprint(cfg.ChannelKey))
	req.Proof = mac[:]
	if err := req.Check(); err != nil {
		return nil, err
	}
	if err := c.Write(&wire.RegisterUp{Body: &wire.RegisterUp_Enrol{Enrol: req}}); err != nil {
		return nil, err
	}
	for {
		var down wire.RegisterDown
		if err := c.Read(&down); err != nil {
			if wire.CodeOf(err) == wire.CodeMalformed {
				return nil, err
			}
			return nil, fmt.Errorf("waiting for the answer: %w", err)
		}
		switch body := down.GetBody().(type) {
		case *wire.RegisterDown_End:
			return nil, body.End.Err()
		case *wire.RegisterDown_Enrol:
			reply := body.Enrol
			switch reply.GetState() {
			case wire.EnrolPending:
				if cfg.Pending != nil {
					cfg.Pending(reply.GetText())
				}
				continue
			case wire.EnrolApproved:
				return accept(cfg, r, reply)
			}
			return nil, &wire.Error{Code: reply.GetCode(), Text: wire.Clip(reply.GetState().String() + ": " + reply.GetText())}
		default:
			return nil, wire.Refuse(wire.CodeMalformed, "an answer to another question")
		}
	}
}

// accept verifies what the inviting site gave: the chain must end in the token's root and
// certify the key that was asked for, under the name that was asked for.
func accept(cfg EnrolConfig, r identity.Request, reply *wire.EnrolReply) (*Enrolled, error) {
	e := &Enrolled{Site: identity.Site(reply.GetSite()), Secrets: reply.GetSecrets(), Addresses: reply.GetAddresses()}
	for i, der := range reply.GetChain() {
		c, err := identity.ParseDER(der)
		if err != nil {
			return nil, wire.Refuse(wire.CodeSignature, "certificate %d of the answer: %w", i+1, err)
		}
		e.Chain = append(e.Chain, c)
	}
	trust := identity.NewPinned(gmcrypto.Fingerprint(cfg.Token.RootFingerprint))
	peer, err := trust.Verify(e.Chain, cfg.Now())
	if err != nil {
		return nil, wire.Refuse(wire.CodeSignature, "certificate of the answer: %w", err)
	}
	if peer.Site != r.Site || peer.Node != r.Node || !peer.Key.Equal(r.Key) || e.Site != identity.Site(cfg.Token.Parent) {
		return nil, wire.Refuse(wire.CodeSignature, "the answer of %s certifies %s, not the key asked for", e.Site, peer)
	}
	return e, nil
}
