package cluster

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"fengsui/federation/fsm"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func sampleServers() []Server {
	return []Server{{Node: "n1", Address: "10.0.0.1:7001", Voter: true, Leader: true}, {Node: "n2", Address: "[fd00::2]:7001"}}
}

func sampleProposal(t testing.TB) []byte {
	t.Helper()
	cmds := make([]fsm.Command, 300)
	for i := range cmds {
		cmds[i] = fsm.Command{Kind: fsm.Kind(i), Version: 1, At: time.Unix(1, 0), ID: id(uint64(i))}
	}
	b, err := encodeProposal(cmds)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeProposal(b)
	if err != nil || len(got) != 300 || got[299].Kind != 299 {
		t.Fatalf("%d commands, %v", len(got), err)
	}
	return b
}

// TestMessagesGolden pins the forward protocol: nodes of two versions speak it.
func TestMessagesGolden(t *testing.T) {
	var all bytes.Buffer
	proposal, err := encodeProposal([]fsm.Command{{Kind: 7, Version: 1, At: time.Unix(1, 2), ID: id(3), Body: []byte("body")}})
	if err != nil {
		t.Fatal(err)
	}
	s, text := errorStatus(ErrNoLeader)
	for _, f := range []struct {
		code    byte
		payload []byte
	}{
		{byte(opPropose), proposal},
		{byte(opReadIndex), nil},
		{byte(opAddVoter), appendText(appendText(nil, "n2"), "10.0.0.2:7001")},
		{byte(opRemove), appendText(nil, "n2")},
		{byte(opServers), nil},
		{byte(opProgress), nil},
		{byte(statusOK), encodeServers(sampleServers())},
		{byte(s), text},
	} {
		if err := writeFrame(&all, f.code, f.payload); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join("testdata", "messages.hex")
	text2 := ""
	for b := all.Bytes(); len(b) > 0; b = b[min(32, len(b)):] {
		text2 += hex.EncodeToString(b[:min(32, len(b))]) + "\n"
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(text2), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || text2 != string(want) {
		t.Fatalf("the protocol has changed (%v):\n%s", err, text2)
	}
	list, err := decodeServers(encodeServers(sampleServers()))
	if err != nil || !reflect.DeepEqual(list, sampleServers()) {
		t.Fatalf("%v, %v", list, err)
	}
}

func TestFramesRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"version": {2, 1, 0, 0, 0, 0},
		"length":  {1, 1, 0xff, 0xff, 0xff, 0xff},
		"cut":     {1, 1, 0, 0, 0, 9, 1},
		"big cut": append([]byte{1, 1, 0, 0x10, 0, 0}, make([]byte, 1000)...),
		"head":    {1, 1, 0},
	} {
		if _, _, err := readFrame(bytes.NewReader(b)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := readFrame(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("no frame: %v", err)
	}
	proposal := sampleProposal(t)
	for _, n := range []int{0, 1, 2, 5, 6, 100, len(proposal) - 1} {
		if _, err := decodeProposal(proposal[:n]); err == nil {
			t.Errorf("cut to %d bytes: decoded", n)
		}
	}
	if _, err := decodeProposal(append(bytes.Clone(proposal), 0)); !errors.Is(err, errProtocol) {
		t.Errorf("a byte too many: %v", err)
	}
	servers := encodeServers(sampleServers())
	for n := range servers {
		if _, err := decodeServers(servers[:n]); err == nil {
			t.Errorf("servers cut to %d bytes: decoded", n)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	var b bytes.Buffer
	if err := writeFrame(&b, byte(opPropose), sampleProposal(f)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{1, 6, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		code, payload, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeFrame(&again, code, payload); err != nil || !bytes.HasPrefix(b, again.Bytes()) {
			t.Fatalf("%x reads as what is written %x, %v", b, again.Bytes(), err)
		}
	})
}

func FuzzDecodePayloads(f *testing.F) {
	f.Add(sampleProposal(f))
	f.Add(encodeServers(sampleServers()))
	f.Add(appendText(nil, "text"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if cmds, err := decodeProposal(b); err == nil && (len(cmds) == 0 || len(cmds) > callCommandsMax) {
			t.Fatalf("%d commands", len(cmds))
		}
		if list, err := decodeServers(b); err == nil {
			again, err := decodeServers(encodeServers(list))
			if err != nil || !reflect.DeepEqual(list, again) {
				t.Fatalf("%v became %v, %v", list, again, err)
			}
		}
		if err := statusError("n1", statusUnknown, b); !errors.Is(err, ErrUnknownOutcome) {
			t.Fatal(err)
		}
	})
}

// TestMalformedPeers sends rubbish to ServeForward: it ends the stream or answers
// "invalid", and the cluster goes on.
func TestMalformedPeers(t *testing.T) {
	s := newSite(t, 1, nil)
	m := s.leader()
	exchange := func(b []byte) (status, error) {
		here, there := net.Pipe()
		defer here.Close()
		done := make(chan error, 1)
		go func() { done <- m.cluster.ServeForward(context.Background(), there) }()
		go func() { _, _ = here.Write(b) }()
		if err := here.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		code, _, err := readFrame(here)
		_ = here.Close()
		<-done
		return status(code), err
	}
	frame := func(op operation, payload []byte) []byte {
		var b bytes.Buffer
		if err := writeFrame(&b, byte(op), payload); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	unknown, err := encodeProposal([]fsm.Command{{Kind: 900, ID: id(1)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"unknown operation": frame(99, nil),
		"empty proposal":    frame(opPropose, nil),
		"rubbish proposal":  frame(opPropose, []byte("rubbish")),
		"unknown kind":      frame(opPropose, unknown),
		"read with payload": frame(opReadIndex, []byte{1}),
		"add nobody":        frame(opAddVoter, appendText(appendText(nil, ""), "")),
		"add cut":           frame(opAddVoter, []byte{0, 5, 'a'}),
		"remove cut":        frame(opRemove, []byte{9}),
		"servers payload":   frame(opServers, []byte{1}),
	} {
		if got, err := exchange(b); err != nil || got != statusInvalid {
			t.Errorf("%s: status %d, %v", name, got, err)
		}
	}
	for name, b := range map[string][]byte{"wrong version": {9, 1, 0, 0, 0, 0}, "too long": {1, 1, 255, 255, 255, 255}} {
		if _, err := exchange(b); err == nil {
			t.Errorf("%s: answered", name)
		}
	}
	if m.cluster.Stats().BadStreams < 2 {
		t.Error("bad streams were not counted")
	}
	m.persist(record(1))
}

// TestStatusesSurviveTheWire: what is known of the effect is the same on both sides.
func TestStatusesSurviveTheWire(t *testing.T) {
	for _, want := range []error{ErrNoLeader, ErrUnknownOutcome, ErrInvalid, ErrLowSpace} {
		s, text := errorStatus(want)
		if err := statusError("n1", s, text); !errors.Is(err, want) || !strings.Contains(err.Error(), "n1 says") {
			t.Errorf("%v arrived as %v", want, err)
		}
	}
	if s, _ := errorStatus(errors.New("anything else")); s != statusUnknown {
		t.Errorf("an error that says nothing of the effect became status %d", s)
	}
	// A closing leader has taken nothing: the caller may try the next.
	if s, _ := errorStatus(ErrClosed); s != statusNoLeader {
		t.Errorf("closed became status %d", s)
	}
}

func TestJoinSaysNoEffectOnlyWhenItHoldsForAll(t *testing.T) {
	ok := answer{results: []fsm.Result{{}}}
	none, unknown := answer{err: outcome(errNotLeaderForTest())}, answer{err: ErrUnknownOutcome}
	for _, c := range []struct {
		parts []answer
		want  error
	}{
		{[]answer{ok, ok}, nil},
		{[]answer{none, none}, ErrNoLeader},
		{[]answer{ok, none}, ErrUnknownOutcome},
		{[]answer{none, unknown}, ErrUnknownOutcome},
		{[]answer{unknown, none}, ErrUnknownOutcome},
	} {
		a := join(c.parts)
		if !errors.Is(a.err, c.want) || errors.Is(c.want, ErrUnknownOutcome) && retriable(a.err) {
			t.Errorf("%v joined to %v, want %v", c.parts, a.err, c.want)
		}
	}
}
