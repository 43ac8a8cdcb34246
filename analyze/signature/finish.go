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
	for i := range b.out.txs {
		if err := b.join(b.out.txs[i].needs); err != nil {
			return b.out.txs[i].needs.name, err
		}
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
		if err := b.join(l.buffer); err != nil {
			return err
		}
		b.out.parts = append(b.out.parts, part{
			buffer: l.buffer, transforms: l.transforms, names: l.names, program: program, absent: l.absent, orElse: l.orElse,
		})
	}
	return nil
}

// join narrows the rule to the protocol and directions of a buffer.
func (b *builder) join(bf *buffer) error {
	bit := appBit(bf.app)
	if b.out.apps == 0 {
		b.out.apps = bit
	}
	if b.out.apps&bit == 0 {
		return fmt.Errorf("%s belongs to %s, which the rule's protocol excludes", bf.name, bf.app)
	}
	b.out.apps = bit
	if !b.out.txBoth {
		if b.out.dirs&bf.dirs == 0 {
			return fmt.Errorf("%s is not there in the direction that the rule's flow or other buffers ask for", bf.name)
		}
		b.out.dirs &= bf.dirs
	}
	for dir := range b.out.need {
		if bf.dirs.has(flow.Direction(dir)) {
			b.out.need[dir] = max(b.out.need[dir], bf.need[dir])
		}
	}
	b.out.grows = b.out.grows || bf.grows
	return nil
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
		if s.apps&^parsedApps != 0 {
			return "", errors.New("protocol is not parsed in this build")
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
