package ike

import (
	"encoding/binary"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a message.
const (
	NotStarted = iota
	Done
)

const portNAT = 4500

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{
	"malformed_data", "weak_crypto_enc", "weak_crypto_prf", "weak_crypto_dh", "weak_crypto_auth", "weak_crypto_nodh", "weak_crypto_noauth",
	"no_encryption", "invalid_proposal", "unknown_proposal", "multiple_server_proposal",
}

// Transaction is one message.
type Transaction struct {
	proto.State
	Message
}

var _ proto.Transaction = (*Transaction)(nil)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "ike" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(flow.Direction) int { return Done }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(flow.Direction) bool { return true }

// Chosen returns the attributes of the responder's choice, nil when the message carries none.
func (t *Transaction) Chosen() []Attribute {
	if t.Only != flow.ToClient || len(t.Proposals) == 0 {
		return nil
	}
	var all []Attribute
	for _, list := range t.Proposals[0].Transforms {
		all = append(all, list...)
	}
	return all
}

// judge raises what is wrong with proposals, and with the responder's choice.
func (t *Transaction) judge() {
	if len(t.Proposals) == 0 {
		return
	}
	if !t.valid {
		t.Anomaly("invalid_proposal")
	}
	if !t.known {
		t.Anomaly("unknown_proposal")
	}
	if t.Only != flow.ToClient {
		return
	}
	if len(t.Proposals) > 1 {
		t.Anomaly("multiple_server_proposal")
	}
	if t.Proposals[0].Protocol == protoAH {
		t.Anomaly("no_encryption")
	}
	if t.Major != 2 {
		return // the events speak of version 2, as those of the reference engine do
	}
	for _, a := range t.Chosen() {
		t.judgeTransform(a)
	}
}

// judgeTransform judges a transform of IKEv2 (IANA ikev2-parameters; RFC 8247).
func (t *Transaction) judgeTransform(a Attribute) {
	switch a.Name {
	case "alg_enc":
		if a.Value >= 1 && a.Value <= 9 || a.Value == 11 { // 64-bit blocks, NULL
			t.Anomaly("weak_crypto_enc")
		}
	case "alg_prf":
		if a.Value <= 2 { // none, MD5, SHA-1
			t.Anomaly("weak_crypto_prf")
		}
	case "alg_auth":
		if a.Value == 0 {
			t.Anomaly("weak_crypto_noauth")
		} else if a.Value <= 4 || a.Value == 6 || a.Value == 7 { // MD5, SHA-1 of 96 and 160 bits, DES, KPDK
			t.Anomaly("weak_crypto_auth")
		}
	case "alg_dh":
		t.group(a.Value)
	}
}

// group judges a Diffie-Hellman group.
func (t *Transaction) group(n uint32) {
	switch n {
	case 0:
		t.Anomaly("weak_crypto_nodh")
	case 1, 2, 5, 22: // 768, 1024, 1536 bits; 1024 with a small subgroup
		t.Anomaly("weak_crypto_dh")
	}
}

// strip takes the non-ESP marker away.
func strip(b []byte) []byte {
	if len(b) > 4 && binary.BigEndian.Uint32(b) == 0 {
		return b[4:]
	}
	return b
}

// Recognise is the proto.Recogniser.
func Recognise(p *proto.Probe) proto.Match {
	if p.Datagram && plausible(strip(p.Data)) {
		return proto.Yes
	}
	return proto.No
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct{}

var _ proto.Parser = Parser{}

// New makes a parser.
func New(bool) proto.Parser { return Parser{} }

// Data implements proto.Parser.
func (Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	n := len(b)
	marked := strip(b)
	if len(marked) == len(b) && (c.Flow.Server.Port() == portNAT || c.Flow.Client.Port() == portNAT) {
		return n, proto.Continue // ESP, a keep-alive
	}
	t := &Transaction{}
	t.OneSide, t.Only = true, dir
	if !t.parse(marked) {
		c.Malformed++
		t.Anomaly("malformed_data")
	}
	t.judge()
	c.Begin(t)
	t.Touch(dir)
	return n, proto.Continue
}

// Gap implements proto.Parser.
func (Parser) Gap(*proto.Context, flow.Direction, []byte, int64) proto.Verdict { return proto.Continue }

// End implements proto.Parser.
func (Parser) End(*proto.Context, flow.Direction, []byte) {}
