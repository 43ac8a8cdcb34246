package dcerpc

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Connectionless PDUs (C706 12.5.1).
const (
	datagramBytes  = 80
	datagramMajor  = 4
	flagDGLast     = 0x02
	flagDGFragment = 0x04
)

// plausibleDatagram tells whether b is a connectionless PDU.
func plausibleDatagram(b []byte) bool {
	if len(b) < datagramBytes || b[0] != datagramMajor || b[1] > CancelAck || b[2]&0x81 != 0 || b[4]>>4 > 1 || b[4]&15 > 1 || b[5] > 3 || b[6] != 0 {
		return false
	}
	o, _ := order(b[4])
	n := int(o.Uint16(b[74:]))
	return n == len(b)-datagramBytes || b[78] != 0 && n < len(b)-datagramBytes // an authentication trailer may follow
}

// packet reads one datagram.
func (p *Parser) packet(c *proto.Context, dir flow.Direction, b []byte) {
	if !plausibleDatagram(b) {
		c.Malformed++
		return
	}
	o, little := order(b[4])
	kind, flags := b[1], b[2]
	if kind != Request && kind != Response && kind != Fault && kind != Reject {
		return
	}
	activity, sequence := readUUID(b[40:], little), o.Uint32(b[64:])
	if p.answered(activity, sequence) {
		return // sent again
	}
	var t *Transaction
	for _, u := range p.open {
		if u.Call.Activity == activity && u.Call.Sequence == sequence {
			t = u
		}
	}
	if t != nil && t.Call.Sides[dir].Done {
		return
	}
	if t == nil {
		t = p.call(c, activity, sequence)
		call := t.Call
		call.Opnum, call.Object = o.Uint16(b[68:]), readUUID(b[8:], little)
		call.HasObject = call.Object != UUID{}
		version := o.Uint32(b[60:])
		call.Interfaces = []Interface{{UUID: readUUID(b[24:], little), Major: uint16(version), Minor: uint16(version >> 16), Result: Accepted}}
		if dir == flow.ToClient {
			t.end(flow.ToServer)
		}
	}
	s := &t.Call.Sides[dir]
	s.Seen, s.Kind, s.Little, s.AuthType = true, kind, little, b[78]
	fragment := o.Uint16(b[76:])
	s.First = s.First || flags&flagDGFragment == 0 || fragment == 0
	s.Done = flags&flagDGFragment == 0 || flags&flagDGLast != 0
	s.Fragments++
	body := b[datagramBytes : datagramBytes+int(o.Uint16(b[74:]))]
	if (kind == Fault || kind == Reject) && len(body) >= 4 {
		t.Call.Status = o.Uint32(body)
	}
	s.add(body, &p.a.held)
	t.Touch(dir)
	if dir == flow.ToClient && s.Done {
		t.end(flow.ToServer)
		p.a.held -= t.Call.kept()
		p.release(t)
		if len(p.done) >= callsMax {
			p.done = append(p.done[:0], p.done[1:]...)
		}
		p.done = append(p.done, exchange{activity, sequence})
	}
}

// exchange names a connectionless call.
type exchange struct {
	activity UUID
	sequence uint32
}

// answered tells whether a call was answered in full.
func (p *Parser) answered(activity UUID, sequence uint32) bool {
	for _, x := range p.done {
		if x.activity == activity && x.sequence == sequence {
			return true
		}
	}
	return false
}

// call begins a connectionless call and remembers it; the oldest beyond the limit is not waited for any more.
func (p *Parser) call(c *proto.Context, activity UUID, sequence uint32) *Transaction {
	t := &Transaction{Call: &Call{ID: sequence, Version: datagramMajor, Activity: activity, Sequence: sequence}, UDP: true}
	c.Begin(t)
	p.hold(t)
	return t
}
