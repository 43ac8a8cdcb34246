package register

import (
	"bytes"
	"crypto/hmac"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// Command kinds of the table. The numbers are a file format. Bodies and values are protobuf
// (wire/state.proto); every value but that of KindSummary and KindParent is an Outcome.
const (
	KindInvite   uint16 = 100 // wire.Invite
	KindClaim    uint16 = 101 // wire.CommandClaim: somebody asks to enrol
	KindDecide   uint16 = 102 // wire.CommandDecide
	KindLink     uint16 = 103 // wire.CommandLink
	KindSummary  uint16 = 104 // wire.Summary of a child
	KindParent   uint16 = 105 // wire.Parent
	KindWithdraw uint16 = 106 // wire.CommandWithdraw: an invite
)

// Kinds lists the table's command kinds.
func Kinds() []uint16 {
	return []uint16{KindInvite, KindClaim, KindDecide, KindLink, KindSummary, KindParent, KindWithdraw}
}

const commandVersion = 1

// Table keeps invites, members, their links and summaries, and the site's parent. Keys:
//
//	'i' invite id        wire.Invite
//	'm' purpose site 0 node    wire.Member
//	's' site             wire.Summary
//	'p'                  wire.Parent
type Table struct{}

// NewTable returns the table.
func NewTable() *Table { return &Table{} }

// Apply carries out one command. An error means the body does not decode or breaks a rule of
// form; what a person or program decides upon is the Outcome's code.
func (*Table) Apply(b *bbolt.Bucket, kind uint16, version uint8, at time.Time, _ [16]byte, body []byte) ([]byte, error) {
	if version > commandVersion {
		return nil, fmt.Errorf("register command %d has version %d, known up to %d: upgrade this node", kind, version, commandVersion)
	}
	switch kind {
	case KindInvite:
		return run(b, at, body, &wire.Invite{}, applyInvite)
	case KindClaim:
		return run(b, at, body, &wire.CommandClaim{}, applyClaim)
	case KindDecide:
		return run(b, at, body, &wire.CommandDecide{}, applyDecide)
	case KindLink:
		return run(b, at, body, &wire.CommandLink{}, applyLink)
	case KindSummary:
		return run(b, at, body, &wire.Summary{}, applySummary)
	case KindParent:
		return run(b, at, body, &wire.Parent{}, applyParent)
	case KindWithdraw:
		return run(b, at, body, &wire.CommandWithdraw{}, applyWithdraw)
	}
	return nil, fmt.Errorf("command kind %d does not belong to register", kind)
}

// run decodes a body, applies it, and encodes the outcome.
func run[M proto.Message](b *bbolt.Bucket, at time.Time, body []byte, m M, apply func(*bbolt.Bucket, time.Time, M) (*wire.Outcome, error)) ([]byte, error) {
	if err := proto.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("register command: %w", err)
	}
	out, err := apply(b, at, m)
	if err != nil {
		return nil, err
	}
	return encode(out)
}

// encode is deterministic: replicas and replays must write the same bytes.
func encode(m proto.Message) ([]byte, error) {
	v, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	return v, nil
}

func put(b *bbolt.Bucket, key []byte, m proto.Message) error {
	v, err := encode(m)
	if err != nil {
		return err
	}
	if err := b.Put(key, v); err != nil {
		return fmt.Errorf("writing %c: %w", key[0], err)
	}
	return nil
}

// get decodes what lies under key into m and tells whether anything does.
func get(b *bbolt.Bucket, key []byte, m proto.Message) (bool, error) {
	v := b.Get(key)
	if v == nil {
		return false, nil
	}
	if err := proto.Unmarshal(v, m); err != nil {
		return false, fmt.Errorf("reading %c: %w", key[0], err)
	}
	return true, nil
}

const (
	prefixInvite  = 'i'
	prefixMember  = 'm'
	prefixSummary = 's'
)

var keyParent = []byte{'p'}

func inviteKey(id []byte) []byte { return append([]byte{prefixInvite}, id...) }

func memberKey(purpose wire.Purpose, site, node string) []byte {
	k := append([]byte{prefixMember, byte(purpose)}, site...)
	return append(append(k, 0), node...)
}

func summaryKey(site string) []byte { return append([]byte{prefixSummary}, site...) }

func refused(code wire.Code, format string, args ...any) *wire.Outcome {
	return &wire.Outcome{Code: code, Text: wire.Clip(fmt.Sprintf(format, args...))}
}

func checkSite(s string) error {
	if _, err := identity.ParseSite(s); err != nil {
		return fmt.Errorf("register command: %w", err)
	}
	return nil
}

func applyInvite(b *bbolt.Bucket, at time.Time, in *wire.Invite) (*wire.Outcome, error) {
	if len(in.GetId()) != wire.IDBytes || len(in.GetVerifier()) != wire.DigestBytes || in.GetPurpose() == 0 {
		return nil, fmt.Errorf("invite: id of %d bytes, verifier of %d bytes, purpose %d", len(in.GetId()), len(in.GetVerifier()), in.GetPurpose())
	}
	if err := checkSite(in.Site); err != nil {
		return nil, err
	}
	if b.Get(inviteKey(in.Id)) != nil {
		return &wire.Outcome{Code: wire.CodeOK}, nil // proposed again
	}
	now := at.UnixNano()
	if in.Expires <= now {
		return refused(wire.CodeInviteExpired, "the invite would have expired already"), nil
	}
	// Make room by dropping the oldest invite that can no longer be used.
	var count int
	var oldest *wire.Invite
	c := b.Cursor()
	for k, v := c.Seek([]byte{prefixInvite}); bytes.HasPrefix(k, []byte{prefixInvite}); k, v = c.Next() {
		old := &wire.Invite{}
		if err := proto.Unmarshal(v, old); err != nil {
			return nil, fmt.Errorf("reading invite: %w", err)
		}
		count++
		if dead := old.Withdrawn || old.Expires <= now || len(old.UsedBy) > 0; dead && (oldest == nil || old.Created < oldest.Created) {
			oldest = old
		}
	}
	if count >= wire.InvitesMax {
		if oldest == nil {
			return refused(wire.CodeBusy, "%d invites are open: withdraw some", count), nil
		}
		if err := b.Delete(inviteKey(oldest.Id)); err != nil {
			return nil, fmt.Errorf("dropping an old invite: %w", err)
		}
	}
	in.Created, in.UsedBy, in.UsedAt, in.Withdrawn = now, nil, 0, false
	return &wire.Outcome{Code: wire.CodeOK}, put(b, inviteKey(in.Id), in)
}

func applyWithdraw(b *bbolt.Bucket, _ time.Time, cmd *wire.CommandWithdraw) (*wire.Outcome, error) {
	in := &wire.Invite{}
	found, err := get(b, inviteKey(cmd.GetId()), in)
	if err != nil {
		return nil, err
	}
	if !found {
		return refused(wire.CodeNotFound, "no such invite"), nil
	}
	in.Withdrawn = true
	return &wire.Outcome{Code: wire.CodeOK}, put(b, inviteKey(in.Id), in)
}

// applyClaim decides what becomes of a request to enrol. The same key asking again gets the
// same answer for ever, whatever has become of the invite.
func applyClaim(b *bbolt.Bucket, at time.Time, cmd *wire.CommandClaim) (*wire.Outcome, error) {
	req := cmd.GetRequest()
	if err := req.Check(); err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	if len(cmd.GetKey()) != wire.DigestBytes || len(cmd.GetChannelKey()) != wire.DigestBytes {
		return nil, fmt.Errorf("claim: keys of %d and %d bytes", len(cmd.GetKey()), len(cmd.GetChannelKey()))
	}
	if err := checkSite(cmd.Site); err != nil {
		return nil, err
	}
	in := &wire.Invite{}
	found, err := get(b, inviteKey(req.InviteId), in)
	if err != nil {
		return nil, err
	}
	if !found {
		return refused(wire.CodeInviteUnknown, "no such invite here"), nil
	}
	// Who cannot prove the secret learns nothing else about the invite.
	if want := proof(in.Verifier, req, cmd.ChannelKey); !hmac.Equal(want[:], req.Proof) {
		return refused(wire.CodeProof, "the token's secret was not proved"), nil
	}
	if in.Purpose != req.Purpose || in.Site != cmd.Site || in.Node != "" && in.Node != cmd.Node {
		return refused(wire.CodeForbidden, "the invite is for %s %s", in.Site, in.Node), nil
	}
	key := memberKey(req.Purpose, cmd.Site, cmd.Node)
	m := &wire.Member{}
	known, err := get(b, key, m)
	if err != nil {
		return nil, err
	}
	code := wire.CodePending
	if in.Approved {
		code = wire.CodeOK
	}
	if known && bytes.Equal(m.Key, cmd.Key) && m.State != wire.EnrolRevoked && (m.State != wire.EnrolRejected || bytes.Equal(m.InviteId, in.Id)) {
		return &wire.Outcome{Code: code, Member: m}, nil
	}
	switch {
	case known && m.State == wire.EnrolRevoked && bytes.Equal(m.Key, cmd.Key):
		return refused(wire.CodeRevoked, "this key was revoked: enrol with a new one"), nil
	case len(in.UsedBy) > 0 && !bytes.Equal(in.UsedBy, cmd.Key):
		return refused(wire.CodeInviteUsed, "the invite was used by another key: ask for a new one"), nil
	case in.Withdrawn:
		return refused(wire.CodeInviteExpired, "the invite was withdrawn: ask for a new one"), nil
	case at.UnixNano() >= in.Expires:
		return refused(wire.CodeInviteExpired, "the invite expired at %s: ask for a new one", time.Unix(0, in.Expires).UTC().Format(time.RFC3339)), nil
	case known && m.State == wire.EnrolApproved:
		return refused(wire.CodeNameTaken, "%s %s is enrolled with another key: revoke that first", cmd.Site, cmd.Node), nil
	}
	in.UsedBy, in.UsedAt = cmd.Key, at.UnixNano()
	if err := put(b, inviteKey(in.Id), in); err != nil {
		return nil, err
	}
	m = &wire.Member{
		Purpose: req.Purpose, Site: cmd.Site, Node: cmd.Node, Name: req.Name, Key: cmd.Key, Request: req.Request,
		InviteId: in.Id, State: wire.EnrolPending, Addresses: req.Addresses, AskedAt: at.UnixNano(),
	}
	return &wire.Outcome{Code: code, Member: m}, put(b, key, m)
}

// applyDecide moves pending to approved or rejected, rejected to approved, approved to revoked.
// Of two decisions about the same thing the first stands.
func applyDecide(b *bbolt.Bucket, at time.Time, cmd *wire.CommandDecide) (*wire.Outcome, error) {
	key := memberKey(cmd.GetPurpose(), cmd.GetSite(), cmd.GetNode())
	m := &wire.Member{}
	found, err := get(b, key, m)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return refused(wire.CodeNotFound, "%s has not asked to enrol", whom(cmd.Site, cmd.Node)), nil
	case !bytes.Equal(m.Key, cmd.Key):
		return refused(wire.CodeConflict, "%s %s has meanwhile asked with another key: look again", cmd.Site, cmd.Node), nil
	case m.State == cmd.State:
		return &wire.Outcome{Code: wire.CodeOK, Member: m}, nil
	}
	open := m.State == wire.EnrolPending || m.State == wire.EnrolRejected
	switch {
	case cmd.State == wire.EnrolApproved && open && len(cmd.Chain) > 0:
		m.Chain = cmd.Chain
	case cmd.State == wire.EnrolRejected && m.State == wire.EnrolPending:
	case cmd.State == wire.EnrolRevoked && m.State == wire.EnrolApproved:
		if m.Link != nil && m.Link.Online {
			m.Link.Online, m.Link.Since = false, at.UnixNano()
		}
	default:
		return refused(wire.CodeConflict, "%s %s is %s", cmd.Site, cmd.Node, stateWord(m.State)), nil
	}
	m.State, m.DecidedAt, m.DecidedBy, m.Reason = cmd.State, at.UnixNano(), cmd.By, wire.Clip(cmd.Reason)
	return &wire.Outcome{Code: wire.CodeOK, Member: m}, put(b, key, m)
}

func stateWord(s wire.EnrolState) string {
	switch s {
	case wire.EnrolPending:
		return "pending"
	case wire.EnrolApproved:
		return "approved"
	case wire.EnrolRejected:
		return "rejected"
	case wire.EnrolRevoked:
		return "revoked"
	}
	return "unknown"
}

// approvedSite reads an approved child, or says why there is none.
func approvedSite(b *bbolt.Bucket, site string) (*wire.Member, *wire.Outcome, error) {
	m := &wire.Member{}
	found, err := get(b, memberKey(wire.PurposeSite, site, ""), m)
	if err != nil {
		return nil, nil, err
	}
	if !found || m.State != wire.EnrolApproved {
		return nil, refused(wire.CodeNotFound, "%s is not an approved child", site), nil
	}
	return m, nil, nil
}

// applyLink notes that a child's session began or ended. Since moves only when the link really
// changes; the end of a session that another has replaced means nothing.
func applyLink(b *bbolt.Bucket, at time.Time, cmd *wire.CommandLink) (*wire.Outcome, error) {
	m, none, err := approvedSite(b, cmd.GetSite())
	if err != nil || none != nil {
		return none, err
	}
	old := m.Link
	switch {
	case cmd.Online:
		m.Link = &wire.Link{Online: true, Node: cmd.Node, Session: cmd.Session, Since: at.UnixNano()}
		if old != nil && old.Online {
			m.Link.Since = old.Since
		}
	case old == nil || !old.Online || !bytes.Equal(old.Session, cmd.Session):
		return &wire.Outcome{Code: wire.CodeDuplicate, Member: m}, nil
	default:
		m.Link = &wire.Link{Node: old.Node, Session: old.Session, Since: at.UnixNano()}
	}
	return &wire.Outcome{Code: wire.CodeOK, Member: m}, put(b, memberKey(wire.PurposeSite, m.Site, ""), m)
}

func applySummary(b *bbolt.Bucket, _ time.Time, s *wire.Summary) (*wire.Outcome, error) {
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	for _, x := range s.Sites {
		if !identity.Site(s.Site).Contains(identity.Site(x.Site)) {
			return refused(wire.CodeOutOfScope, "%s tells of %s, which is not below it", s.Site, x.Site), nil
		}
	}
	if _, none, err := approvedSite(b, s.Site); err != nil || none != nil {
		return none, err
	}
	return &wire.Outcome{Code: wire.CodeOK}, put(b, summaryKey(s.Site), s)
}

func applyParent(b *bbolt.Bucket, at time.Time, p *wire.Parent) (*wire.Outcome, error) {
	if err := checkSite(p.GetSite()); err != nil {
		return nil, err
	}
	for _, n := range p.Nodes {
		if err := n.Check(); err != nil {
			return nil, fmt.Errorf("parent: %w", err)
		}
	}
	if len(p.Nodes) > wire.SiteNodesMax || len(p.RootFingerprint) != wire.DigestBytes {
		return nil, fmt.Errorf("parent: %d nodes, root fingerprint of %d bytes", len(p.Nodes), len(p.RootFingerprint))
	}
	old := &wire.Parent{}
	known, err := get(b, keyParent, old)
	if err != nil {
		return nil, err
	}
	p.Since = at.UnixNano()
	if known && old.Site == p.Site {
		p.Since = old.Since
	}
	return &wire.Outcome{Code: wire.CodeOK, Parent: p}, put(b, keyParent, p)
}
