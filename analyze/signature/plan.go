package signature

import (
	"errors"
	"fmt"

	"fengsui/analyze/signature/inspect"
	"fengsui/capture/flow"
)

// finish turns the lists into parts and decides what kind of rule it is. It names the keyword at fault.
func (b *builder) finish() (keyword string, err error) {
	if b.out.SID == 0 {
		return "sid", errors.New("rule has no sid")
	}
	if b.base64 != nil && len(b.decoded) > 0 {
		b.base64.Then = inspect.NewProgram(b.decoded)
	} else if b.inner {
		return "base64_data", errors.New("nothing follows base64_data")
	}
	// A sticky buffer that nothing follows asks for nothing.
	for _, l := range b.lists {
		if err := b.addList(l); err != nil {
			name := "content"
			if l.buffer != nil {
				name = l.buffer.name
			}
			return name, err
		}
	}
	if keyword, err := b.plan(); err != nil {
		return keyword, err
	}
	return b.classify()
}

func (b *builder) addList(l *list) error {
	if len(l.steps) == 0 && !l.absent {
		return nil
	}
	program := inspect.NewProgram(l.steps)
	switch {
	case l.buffer == nil:
		b.out.payload = program
		b.out.anchored = hasDepth(program)
	case l.buffer.header != nil:
		if len(l.transforms) > 0 {
			return errors.New("transforms on packet headers are not supported")
		}
		b.out.realPacket = true
		b.out.wantsPacket = true
		b.out.headers = append(b.out.headers, part{buffer: l.buffer, program: program})
	default:
		b.out.parts = append(b.out.parts, part{
			buffer: l.buffer, transforms: l.transforms, names: l.names, program: program, absent: l.absent, orElse: l.orElse,
		})
	}
	return nil
}

// plan finds out on whose transactions the rule can match, and when: on those of the protocols that have all its keywords, in a direction that all
// of them have.
func (b *builder) plan() (keyword string, err error) {
	s := b.out
	if len(s.parts) == 0 && len(s.txs) == 0 {
		return "", nil
	}
	apps := b.txApps
	if apps == 0 {
		apps = ^appSet(0)
	}
	for i := range s.parts {
		bf := s.parts[i].buffer
		if apps&bf.apps == 0 {
			return bf.name, fmt.Errorf("%s belongs to %s, which the rule's protocol or other keywords exclude", bf.name, bf.apps)
		}
		apps &= bf.apps
	}
	for i := range s.txs {
		c := &s.txs[i]
		if apps&c.apps == 0 {
			return c.name, fmt.Errorf("%s belongs to %s, which the rule's protocol or other keywords exclude", c.name, c.apps)
		}
		apps &= c.apps
	}
	blame := ""
	apps.each(func(app flow.App) {
		p, at := b.planFor(app)
		if at != "" {
			blame = at
			return
		}
		s.plans = append(s.plans, p)
	})
	if len(s.plans) == 0 {
		return blame, fmt.Errorf("%s is not there in the direction that the rule's flow or other buffers ask for", blame)
	}
	dirs, flows := dirSet(0), appSet(0)
	for i := range s.plans {
		dirs |= s.plans[i].dirs
		flows |= appBit(s.plans[i].app)
	}
	if !s.txBoth {
		s.dirs = dirs
	}
	flows = closure(flows)
	if s.apps != 0 {
		flows &= s.apps
	}
	s.apps = flows
	return "", nil
}

// planFor makes the plan for one protocol; blame names the keyword that has no direction left.
func (b *builder) planFor(app flow.App) (p plan, blame string) {
	s := b.out
	p = plan{app: app, dirs: s.dirs}
	join := func(name string, dirs dirSet, need [2]int) bool {
		if !s.txBoth {
			p.dirs &= dirs
		}
		for dir := range need {
			if dirs.has(flow.Direction(dir)) {
				p.need[dir] = max(p.need[dir], need[dir])
			}
		}
		if p.dirs == 0 {
			blame = name
		}
		return p.dirs != 0
	}
	for i := range s.parts {
		f := s.parts[i].buffer.at[app]
		if !join(s.parts[i].buffer.name, dirSet(f.Dirs), f.Need) {
			return p, blame
		}
		p.grows = p.grows || f.Grows
	}
	for i := range s.txs {
		t := s.txs[i].of(app)
		if !join(s.txs[i].name, t.dirs, t.need) {
			return p, blame
		}
		p.late = p.late || t.late
	}
	return p, ""
}

// classify decides when the rule is judged.
func (b *builder) classify() (keyword string, err error) {
	s := b.out
	isTx := len(s.parts) > 0 || len(s.txs) > 0
	if s.txBoth && !isTx {
		return "=>", errors.New("a => rule needs a transaction buffer")
	}
	if isTx {
		s.phase = phaseTx
		for i := range s.parts {
			p := &s.parts[i]
			s.final = s.final || p.absent || p.buffer.grows && needsEnd(p.program)
		}
		for i := range s.txs {
			s.final = s.final || s.txs[i].final
		}
		if s.protos&(protoTCP|protoUDP) == 0 {
			return "", errors.New("transaction buffers need tcp, udp or an application protocol")
		}
		return "", nil
	}
	if s.payload == nil && len(s.headers) == 0 && !b.flowSeen && b.addressOnly() {
		s.phase = phaseAddress
		return "", nil
	}
	s.phase = phasePacket
	if s.protos&protoTCP != 0 && !s.wantsPacket && !s.wantsStream {
		s.wantsStream = true
		if b.streamSize || s.anchored {
			s.wantsPacket = true
		}
	}
	return "", nil
}

// addressOnly tells whether the rule only asks who talks to whom: such a rule is judged once per flow and direction, as in Suricata. Rules with
// negated addresses are not, there as here.
func (b *builder) addressOnly() bool {
	s := b.out
	if s.apps != 0 || s.protos&protoPkt != 0 || s.dirs != bothDirs || s.src.Negated() || s.dst.Negated() {
		return false
	}
	for _, o := range b.src.Options {
		if k := b.c.keywords[o.Name]; !k.addressOK {
			return false
		}
		if o.Name == "flowbits" && !isFlowbitsSet(o.Value) {
			return false
		}
	}
	return true
}

func hasDepth(p *inspect.Program) bool {
	for _, step := range p.Steps() {
		if c, ok := step.(*inspect.Content); ok && (c.HasDepth || c.HasOffset) {
			return true
		}
	}
	return false
}

// needsEnd tells whether a program on a growing buffer can only be judged when all of it is there.
func needsEnd(p *inspect.Program) bool {
	for _, step := range p.Steps() {
		switch t := step.(type) {
		case *inspect.Content:
			if t.Negated || t.EndsWith {
				return true
			}
		case *inspect.Regex:
			if t.Negated {
				return true
			}
		case *inspect.DataAt:
			if t.Negated {
				return true
			}
		case *inspect.Check:
			return true
		}
	}
	return false
}
