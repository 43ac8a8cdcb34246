package signature

import (
	"fengsui/analyze/signature/address"
	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/track"
	"fengsui/analyze/signature/transform"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// Action is what a rule asks for. The order is the order rules are judged in.
type Action uint8

// Actions.
const (
	Pass Action = iota
	Drop
	Reject
	Alert
)

// String is the action's word in a rule.
func (a Action) String() string {
	switch a {
	case Pass:
		return "pass"
	case Drop:
		return "drop"
	case Reject:
		return "reject"
	}
	return "alert"
}

// Meta is what a rule says about itself.
type Meta struct {
	Action      Action
	GID         uint32
	SID         uint32
	Rev         uint32
	Msg         string
	Class       string // the classtype's name
	Category    string // the classtype's text
	Priority    int
	Metadata    map[string][]string
	References  []string
	Target      string // "src_ip", "dest_ip" or ""
	File        string
	Line        int
	NoAlert     bool
	Duplicate   bool // the second half of a <> rule
	acceptsPass bool
}

// appSet is a set of application protocols.
type appSet uint64

// dirSet is a set of directions.
type dirSet uint8

const (
	toServer dirSet = 1 << packet.ToServer
	toClient dirSet = 1 << packet.ToClient
	bothDirs        = toServer | toClient
)

func (d dirSet) has(dir packet.Direction) bool { return d&(1<<dir) != 0 }

// protoSet is a set of transports.
type protoSet uint16

const (
	protoTCP protoSet = 1 << iota
	protoUDP
	protoICMP
	protoICMPv6
	protoSCTP
	protoOther // any other IP protocol
	protoV4    // asked for by ipv4: nothing else
	protoV6
	protoAnyIP = protoTCP | protoUDP | protoICMP | protoICMPv6 | protoSCTP | protoOther
	protoPkt   = protoSet(1 << 8) // pkthdr: packets without IP too
)

// phase says when a rule is judged.
type phase uint8

const (
	phaseAddress phase = iota // once per flow and direction
	phasePacket               // on each packet
	phaseTx                   // on transactions
)

// check is a condition on the packet, the flow, or what has been remembered.
type check func(w *Worker) bool

// effect is done when a rule has matched.
type effect func(w *Worker)

// part is the byte keywords of one buffer.
type part struct {
	buffer     *buffer
	transforms []transform.Func
	names      string // of the transforms, part of the buffer's identity
	program    *inspect.Program
	absent     bool // matches when the buffer is not there
	orElse     bool // … or when the program matches
}

// txCheck is a condition on a transaction that is no byte keyword, by protocol.
type txCheck struct {
	name  string
	apps  appSet
	tests []appTest
	final bool // can only be judged when the side is complete
}

// appTest is what a txCheck asks of one protocol's transactions.
type appTest struct {
	app  flow.App
	dirs dirSet
	need [2]int
	late bool // may become true later: judged again until the side is complete
	test func(v *field.View) bool
}

// of gives the test for a protocol.
func (c *txCheck) of(app flow.App) *appTest {
	for i := range c.tests {
		if c.tests[i].app == app {
			return &c.tests[i]
		}
	}
	return nil
}

// plan says when a rule on transactions is judged on those of one protocol.
type plan struct {
	app   flow.App
	dirs  dirSet
	need  [2]int // progress of each side before the rule can be judged
	grows bool   // a buffer of it may still grow after that
	late  bool   // a condition of it may become true later: judged again until the side is complete
}

// sig is one compiled rule.
type sig struct {
	Meta
	num   uint32 // index in Set.sigs: the order rules are judged in
	phase phase

	protos           protoSet
	apps             appSet // of flows; 0: any
	src, dst         *address.Set
	srcPort, dstPort *address.Ports
	dirs             dirSet
	txBoth           bool // => rules: one transaction, both sides
	bothWays         bool // <> rules: judged with the ends exchanged too

	established, notEstablished bool
	wantsPacket, wantsStream    bool
	realPacket                  bool // cannot match the made-up packet at the end of a flow
	noFrag, onlyFrag            bool
	pdOnly                      bool // only protocol recognition: on the packet that decides it

	checks   []check
	payload  *inspect.Program // on packet or stream bytes
	anchored bool             // payload has depth or offset
	headers  []part           // packet header buffers
	parts    []part           // transaction buffers
	txs      []txCheck
	plans    []plan // phaseTx: one for each protocol whose transactions it looks at
	final    bool   // says what must not be there, or where the end is: judged when the side is complete

	dce        bool // reads numbers in the byte order of a DCE/RPC call
	effects    []effect
	marks      []func(v *field.View)
	tags       []tagSpec
	thresholds []track.Spec
	filter     *track.Spec // detection_filter
	rate       []rate
	suppress   []suppression
}

// plan gives the rule's plan for transactions of a protocol, nil when it does not look at them.
func (s *sig) plan(app flow.App) *plan {
	for i := range s.plans {
		if s.plans[i].app == app {
			return &s.plans[i]
		}
	}
	return nil
}

// Refusal says why a rule is not loaded. SID is 0 when it could not be read.
type Refusal struct {
	File    string
	Line    int
	Column  int
	SID     uint32
	Keyword string // "" when the rule's form is at fault
	Reason  string
}
