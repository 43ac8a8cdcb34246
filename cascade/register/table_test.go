package register

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"
)

func TestTable(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	at := start
	cmd := func(kind uint16, m proto.Message) fsm.Command {
		t.Helper()
		at = at.Add(time.Second)
		return fsm.Command{Kind: fsm.Kind(kind), Version: 1, At: at, ID: [16]byte{1}, Body: must[[]byte](t)(encode(m))}
	}
	id := func(b byte) []byte { return bytes.Repeat([]byte{b}, wire.IDBytes) }
	key := func(b byte) []byte { return bytes.Repeat([]byte{b}, wire.DigestBytes) }
	invite := func(b byte, site string) *wire.Invite {
		v := Verifier([]byte{b})
		return &wire.Invite{Id: id(b), Verifier: v[:], Purpose: wire.PurposeSite, Site: site, Expires: start.Add(time.Hour).UnixNano()}
	}
	claim := func(b byte, site string, k byte, secret byte) *wire.CommandClaim {
		r := &wire.EnrolRequest{Version: 1, Purpose: wire.PurposeSite, InviteId: id(b), Request: []byte{k}, Name: "n", Addresses: []string{"a:1"}}
		v := Verifier([]byte{secret})
		p := proof(v[:], r, key(9))
		r.Proof = p[:]
		return &wire.CommandClaim{Request: r, Key: key(k), ChannelKey: key(9), Site: site}
	}
	decide := func(site string, k byte, s wire.EnrolState) *wire.CommandDecide {
		return &wire.CommandDecide{Purpose: wire.PurposeSite, Site: site, Key: key(k), State: s, Chain: [][]byte{{1}}, By: "li"}
	}
	link := func(session byte, online bool) *wire.CommandLink {
		return &wire.CommandLink{Site: "440100", Node: "n1", Session: id(session), Online: online}
	}
	summary := func(sites ...string) *wire.Summary {
		s := &wire.Summary{Site: sites[0]}
		for i, x := range sites {
			st := &wire.SiteState{Site: x}
			if i > 0 {
				st.Parent = sites[0]
			}
			s.Sites = append(s.Sites, st)
		}
		return s
	}
	steps := []struct {
		cmd  fsm.Command
		want wire.Code // 0: refused with an error
	}{
		{cmd(KindInvite, invite(1, "440100")), wire.CodeOK},
		{cmd(KindInvite, invite(1, "440100")), wire.CodeOK},
		{cmd(KindInvite, invite(2, "440200")), wire.CodeOK},
		{cmd(KindClaim, claim(1, "440100", 5, 2)), wire.CodeProof},
		{cmd(KindClaim, claim(3, "440100", 5, 3)), wire.CodeInviteUnknown},
		{cmd(KindClaim, claim(1, "440200", 5, 1)), wire.CodeForbidden},
		{cmd(KindDecide, decide("440100", 5, wire.EnrolApproved)), wire.CodeNotFound},
		{cmd(KindClaim, claim(1, "440100", 5, 1)), wire.CodePending},
		{cmd(KindClaim, claim(1, "440100", 5, 1)), wire.CodePending},
		{cmd(KindClaim, claim(1, "440100", 6, 1)), wire.CodeInviteUsed},
		{cmd(KindLink, link(1, true)), wire.CodeNotFound},
		{cmd(KindDecide, decide("440100", 6, wire.EnrolApproved)), wire.CodeConflict},
		{cmd(KindDecide, decide("440100", 5, wire.EnrolRevoked)), wire.CodeConflict},
		{cmd(KindDecide, decide("440100", 5, wire.EnrolApproved)), wire.CodeOK},
		{cmd(KindDecide, decide("440100", 5, wire.EnrolApproved)), wire.CodeOK},
		{cmd(KindDecide, decide("440100", 5, wire.EnrolRejected)), wire.CodeConflict},
		{cmd(KindLink, link(1, true)), wire.CodeOK},
		{cmd(KindLink, link(2, true)), wire.CodeOK},
		{cmd(KindLink, link(1, false)), wire.CodeDuplicate},
		{cmd(KindLink, link(2, false)), wire.CodeOK},
		{cmd(KindSummary, summary("440100", "440106")), wire.CodeOK},
		{cmd(KindSummary, summary("440100", "440206")), wire.CodeOutOfScope},
		{cmd(KindSummary, summary("440200")), wire.CodeNotFound},
		{cmd(KindSummary, &wire.Summary{Site: "440100"}), 0},
		{cmd(KindWithdraw, &wire.CommandWithdraw{Id: id(2)}), wire.CodeOK},
		{cmd(KindWithdraw, &wire.CommandWithdraw{Id: id(8)}), wire.CodeNotFound},
		{cmd(KindClaim, claim(2, "440200", 7, 2)), wire.CodeInviteExpired},
		{cmd(KindParent, &wire.Parent{Site: "430000", RootFingerprint: key(1)}), wire.CodeOK},
		{cmd(KindParent, &wire.Parent{Site: "nonsense", RootFingerprint: key(1)}), 0},
		{cmd(KindDecide, decide("440100", 5, wire.EnrolRevoked)), wire.CodeOK},
		{cmd(KindClaim, claim(1, "440100", 5, 1)), wire.CodeRevoked},
		{cmd(KindInvite, &wire.Invite{Id: []byte{1}}), 0},
		{fsm.Command{Kind: fsm.Kind(KindClaim), Version: 1, At: at, ID: [16]byte{1}, Body: []byte{0xff}}, 0},
	}
	var cmds []fsm.Command
	for _, s := range steps {
		cmds = append(cmds, s.cmd)
	}
	var kinds []fsm.Kind
	for _, k := range Kinds() {
		kinds = append(kinds, fsm.Kind(k))
	}
	for i, r := range fsmtest.RoundTrip(t, fsm.Spec{Name: "register", Kinds: kinds, Table: NewTable()}, cmds...) {
		if r.Err != nil {
			if steps[i].want != 0 {
				t.Errorf("step %d: %v, want %s", i, r.Err, steps[i].want)
			}
			continue
		}
		var out wire.Outcome
		if err := proto.Unmarshal(r.Value, &out); err != nil || out.Code != steps[i].want {
			t.Errorf("step %d: %s %q, want %s", i, out.Code, out.Text, steps[i].want)
		}
	}
}

func TestSubtreeFitsIntoAFrame(t *testing.T) {
	s := &wire.Summary{Site: "440000", Sites: []*wire.SiteState{{Site: "440000", Counts: []*wire.ClassCount{{Class: 1, Produced: 9}}}}}
	for i := range wire.SummarySitesMax - 1 {
		x := &wire.SiteState{Site: fmt.Sprintf("44%04d%02d", i/99+1, i%99+1), Parent: "440000", Name: strings.Repeat("名", 40), Counts: []*wire.ClassCount{{Class: 1, Produced: 1 << 60}}}
		for n := range 7 {
			x.Nodes = append(x.Nodes, &wire.NodeState{Node: fmt.Sprint("n", n), Address: "192.168.100.100:7400", Alive: true})
		}
		s.Sites = append(s.Sites, x)
	}
	shrink(s)
	if err := s.Check(); err != nil || proto.Size(s) > summaryBytesMax || len(s.Sites) < 2000 || s.Sites[0].Counts == nil {
		t.Errorf("%d sites in %d bytes, %v", len(s.Sites), proto.Size(s), err)
	}
}
