package signature

import (
	"net/netip"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// explainUDP shows datagrams of one flow to an explainer.
func explainUDP(t *testing.T, sid uint32, rules string, payloads ...string) *Explanation {
	t.Helper()
	e, err := NewExplainer([]Source{{Name: "t.rules", Text: rules}}, Options{}, 1, sid)
	if err != nil {
		t.Fatal(err)
	}
	f := &flow.Flow{ID: 1, Kind: packet.KindUDP}
	for i, text := range payloads {
		e.Packet(&packet.Packet{
			Number: uint64(i + 1), IPVersion: 4, Kind: packet.KindUDP, Proto: packet.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("192.0.2.7"),
			SrcPort: 1000, DstPort: 53, Payload: []byte(text),
		}, f, flow.ToServer)
	}
	return e.Explain()
}

// last is the last step of the best attempt.
func last(t *testing.T, x *Explanation) ExplainStep {
	t.Helper()
	if len(x.Attempts) == 0 || len(x.Attempts[0].Steps) == 0 {
		t.Fatalf("no attempt: %+v", x)
	}
	return x.Attempts[0].Steps[len(x.Attempts[0].Steps)-1]
}

func TestExplain(t *testing.T) {
	f := func(rule, what, detail string, held bool, alerts uint64, payloads ...string) *Explanation {
		t.Helper()
		x := explainUDP(t, 5, rule, payloads...)
		s := last(t, x)
		if s.What != what || s.Held != held || !strings.Contains(s.Detail, detail) || x.Alerts != alerts {
			t.Errorf("%s: %+v, %d alerts", rule, s, x.Alerts)
		}
		return x
	}
	x := f(`alert udp any any -> any 53 (content:"abc"; content:"xyz"; distance:0; within:4; sid:5;)`, `content:"xyz"; distance:0; within:4`,
		"found at 9 (ends at 12), but the last match ended at 4 and within:4 asks that it ends at 8 or before", false, 0, "nothing", " abc     xyz", "abd")
	if a := x.Attempts[0]; a.Packet != 2 || a.Tried != 3 || x.Packets != 3 || len(a.Steps) != 3 || a.Steps[1].Detail != "found at 1" {
		t.Errorf("%+v", a)
	}
	if s := last(t, x); string(s.Data[s.Mark[0]:s.Mark[1]]) != "xyz" {
		t.Errorf("%+v", s)
	}
	f(`alert udp any any -> any 53 (content:"abc"; sid:5;)`, "alert", "", true, 1, "x", "abc")
	f(`alert udp any any -> any 53 (dsize:>10; content:"abc"; sid:5;)`, "dsize:>10", "does not hold", false, 0, "abc")
	f(`alert udp any any -> any 53 (content:"abc"; flowbits:isset,seen; sid:5;)
alert udp any any -> any 53 (content:"zzz"; flowbits:set,seen; sid:6;)`, "flowbits:isset,seen", "seen is not set", false, 0, "abc")
	// A mark set on the same packet by a rule that is judged before.
	f(`alert udp any any -> any 53 (content:"abc"; flowbits:isset,seen; sid:5;)
alert udp any any -> any 53 (content:"abc"; flowbits:set,seen; sid:6;)`, "alert", "", true, 1, "abc")
	// The rule's own mark keeps it from matching twice.
	x = f(`alert udp any any -> any 53 (content:"abc"; flowbits:isnotset,seen; flowbits:set,seen; sid:5;)`, "alert", "", true, 1, "abc", "abc")
	if x.Matches != 1 {
		t.Errorf("%d matches", x.Matches)
	}
	x = f(`alert udp any any -> any 53 (content:"abc"; threshold:type threshold,track by_src,count 3,seconds 60; sid:5;)`,
		"threshold:type threshold,track by_src,count 3,seconds 60", "its limit kept this match", false, 0, "abc")
	if x.Matches != 1 || !x.Attempts[0].Matched || x.Attempts[0].Alerted {
		t.Errorf("%+v", x)
	}
	f(`alert udp any any -> any 53 (content:"abc"; noalert; sid:5;)`, "noalert", "only leaves marks", true, 0, "abc")
}

func TestExplainMisfits(t *testing.T) {
	for rule, want := range map[string]string{
		`alert tcp any any -> any 53 (content:"abc"; sid:5;)`:                  "the packet is UDP, the rule asks for tcp",
		`alert udp any any -> any 80 (content:"abc"; sid:5;)`:                  "destination port is not in 80",
		`alert udp 11.0.0.0/8 any -> any any (content:"abc"; sid:5;)`:          "source 10.0.0.1 is not in 11.0.0.0/8",
		`alert udp any any -> any any (flow:to_client; content:"abc"; sid:5;)`: "asks for the other direction",
	} {
		x := explainUDP(t, 5, rule, "abc", "abc")
		if len(x.Attempts) != 0 || len(x.Misfits) != 1 || x.Misfits[0].Packets != 2 || !strings.Contains(x.Misfits[0].Reason, want) {
			t.Errorf("%s: %+v", rule, x)
		}
	}
}

func TestExplainMissingRules(t *testing.T) {
	rules := `alert udp any any -> any any (content:"abc"; lua:x; sid:7;)`
	for sid, want := range map[uint32]string{7: "rule 7 is refused, so it can never match: t.rules:1:", 8: "no rule with sid 8"} {
		if _, err := NewExplainer([]Source{{Name: "t.rules", Text: rules}}, Options{}, 1, sid); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
