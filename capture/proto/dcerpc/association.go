package dcerpc

import (
	"bytes"

	"fengsui/capture/flow"
)

// Visitor is told of each PDU that belongs to a call; fresh tells that the call has just begun.
type Visitor func(call *Call, dir flow.Direction, fresh bool)

// Association reads the PDUs of one connection or one open pipe.
type Association struct {
	interfaces []Interface
	calls      []*Call // not answered, oldest first
	rest       [2][]byte
	held       int // bytes of stub data of calls
	// Malformed counts PDUs that could not be read.
	Malformed uint64
}

// Plausible tells whether b begins with, or is the beginning of, the header of a connection-oriented PDU.
func Plausible(b []byte) bool {
	if len(b) < headerBytes {
		return len(b) >= 3 && b[0] == versionMajor && b[1] <= versionMinors && b[2] <= typeMax
	}
	_, ok := readHeader(b)
	return ok
}

// Feed takes bytes of one direction, cut as they come (a pipe's writes need not end where fragments do). It keeps an
// incomplete fragment, at most 64 KiB. It returns false when the bytes are no PDUs; what it had kept is then dropped.
func (a *Association) Feed(dir flow.Direction, b []byte, visit Visitor) bool {
	for {
		if kept := a.rest[dir]; len(kept) > 0 {
			need := headerBytes
			if len(kept) >= headerBytes {
				h, _ := readHeader(kept)
				need = h.fragment
			}
			n := min(need-len(kept), len(b))
			kept = append(kept, b[:n]...)
			a.rest[dir], b = kept, b[n:]
			if len(kept) < need {
				return true
			}
			if len(kept) == headerBytes && need == headerBytes {
				h, ok := readHeader(kept)
				if !ok {
					a.drop(dir)
					return false
				}
				if h.fragment > headerBytes {
					continue
				}
			}
			a.PDU(dir, kept, visit)
			a.rest[dir] = kept[:0]
			continue
		}
		if len(b) == 0 {
			return true
		}
		n, ok := a.next(dir, b, visit)
		if !ok {
			a.drop(dir)
			return false
		}
		if n == 0 {
			a.rest[dir] = append(a.rest[dir][:0], b...)
			return true
		}
		b = b[n:]
	}
}

func (a *Association) drop(dir flow.Direction) {
	a.Malformed++
	a.rest[dir] = nil
}

// Lost tells that bytes of a direction are missing.
func (a *Association) Lost(dir flow.Direction) { a.rest[dir] = nil }

// next reads the PDU at the start of b and returns its length, 0 when it is not whole.
func (a *Association) next(dir flow.Direction, b []byte, visit Visitor) (int, bool) {
	if len(b) < headerBytes {
		return 0, b[0] == versionMajor
	}
	h, ok := readHeader(b)
	if !ok {
		return 0, false
	}
	if len(b) < h.fragment {
		return 0, true
	}
	a.PDU(dir, b[:h.fragment], visit)
	return h.fragment, true
}

// PDU reads one whole PDU, its header known to be valid.
func (a *Association) PDU(dir flow.Direction, b []byte, visit Visitor) {
	h, ok := readHeader(b)
	if !ok || len(b) < h.fragment {
		a.Malformed++
		return
	}
	switch h.kind {
	case Request:
		ok = len(b) >= requestBytes
		if ok {
			a.request(dir, &h, b, visit)
		}
	case Response, Fault:
		ok = len(b) >= requestBytes
		if ok {
			a.response(dir, &h, b, visit)
		}
	case Bind, AlterContext:
		ok = a.bind(dir, &h, b, visit)
	case BindAck, AlterContextResp:
		ok = a.bindAck(dir, &h, b, visit)
	case BindNak:
		call, fresh := a.answered(&h, dir)
		if len(b) >= headerBytes+2 {
			call.NakReason = h.order.Uint16(b[headerBytes:])
		}
		a.refuse(call)
		a.tell(call, dir, &h, fresh, visit)
	}
	if !ok {
		a.Malformed++
	}
}

// begin makes a call.
func (a *Association) begin(h *header) *Call {
	call := &Call{ID: h.call, Version: versionMajor}
	if len(a.calls) >= callsMax {
		a.forget(a.calls[0])
	}
	a.calls = append(a.calls, call)
	return call
}

// find returns the newest call of that ID.
func (a *Association) find(id uint32) *Call {
	for i := len(a.calls) - 1; i >= 0; i-- {
		if a.calls[i].ID == id {
			return a.calls[i]
		}
	}
	return nil
}

func (a *Association) forget(call *Call) {
	for i, c := range a.calls {
		if c == call {
			a.held -= c.kept()
			a.calls = append(a.calls[:i], a.calls[i+1:]...)
			return
		}
	}
}

// answered returns the call a PDU answers, a new one when its request was not seen.
func (a *Association) answered(h *header, dir flow.Direction) (call *Call, fresh bool) {
	if call = a.find(h.call); call != nil && call.Sides[dir].Done {
		a.forget(call)
		call = nil
	}
	if call == nil {
		return a.begin(h), true
	}
	return call, false
}

// tell notes the fragment with its side and tells the visitor.
func (a *Association) tell(call *Call, dir flow.Direction, h *header, fresh bool, visit Visitor) {
	call.Sides[dir].note(h)
	if call.Sides[0].Done && call.Sides[1].Done || dir == flow.ToClient && call.Sides[dir].Done {
		a.forget(call)
	}
	visit(call, dir, fresh)
}

func (a *Association) request(dir flow.Direction, h *header, b []byte, visit Visitor) {
	call := a.find(h.call)
	fresh := false
	// The same ID may come again before the answer: the first-fragment flag then begins another call.
	if call == nil || h.flags&flagFirst != 0 && call.Sides[dir].Seen || call.Sides[dir].Done {
		call, fresh = a.begin(h), true
	}
	fixed := requestBytes
	if h.flags&flagObject != 0 && len(b) >= requestBytes+16 {
		fixed += 16
		call.Object, call.HasObject = readUUID(b[requestBytes:], h.little), true
	}
	if fresh {
		call.ContextID, call.Opnum = h.order.Uint16(b[20:]), h.order.Uint16(b[22:])
		for i := range a.interfaces {
			if a.interfaces[i].ID == call.ContextID && a.interfaces[i].Result <= Accepted {
				call.Interfaces = append(call.Interfaces, a.interfaces[i])
				break
			}
		}
	}
	s := &call.Sides[dir]
	var body []byte
	body, s.AuthType, s.AuthLevel = h.trailer(b, fixed)
	s.add(body, &a.held)
	a.tell(call, dir, h, fresh, visit)
}

func (a *Association) response(dir flow.Direction, h *header, b []byte, visit Visitor) {
	call, fresh := a.answered(h, dir)
	s := &call.Sides[dir]
	fixed := requestBytes
	if h.kind == Fault && len(b) >= 32 {
		call.Status = h.order.Uint32(b[24:])
		fixed = 32
	}
	var body []byte
	body, s.AuthType, s.AuthLevel = h.trailer(b, fixed)
	s.add(body, &a.held)
	a.tell(call, dir, h, fresh, visit)
}

// bind reads the presentation contexts a client offers (C706 12.6.4.3).
func (a *Association) bind(dir flow.Direction, h *header, b []byte, visit Visitor) bool {
	if len(b) < 28 {
		return false
	}
	call := a.begin(h)
	_, call.Sides[dir].AuthType, call.Sides[dir].AuthLevel = h.trailer(b, headerBytes)
	at, whole := 28, true
	for range int(b[24]) {
		if len(b)-at < 4+syntaxBytes {
			whole = false
			break
		}
		i := Interface{
			ID: h.order.Uint16(b[at:]), UUID: readUUID(b[at+4:], h.little),
			Major: h.order.Uint16(b[at+20:]), Minor: h.order.Uint16(b[at+22:]), Result: Pending,
		}
		if !h.little { // the version is one 32-bit number, its low half the major one
			i.Major, i.Minor = i.Minor, i.Major
		}
		transfers := int(b[at+2])
		at += 4 + syntaxBytes + min(transfers, transfersMax)*syntaxBytes
		if len(call.Interfaces) < contextsMax {
			call.Interfaces = append(call.Interfaces, i)
		}
		a.offer(i)
	}
	a.tell(call, dir, h, true, visit)
	return whole
}

// offer keeps a context, in the place of an older one with its ID.
func (a *Association) offer(i Interface) {
	for j := range a.interfaces {
		if a.interfaces[j].ID == i.ID {
			a.interfaces[j] = i
			return
		}
	}
	if len(a.interfaces) < contextsMax {
		a.interfaces = append(a.interfaces, i)
	}
}

// bindAck reads the results (C706 12.6.4.4).
func (a *Association) bindAck(dir flow.Direction, h *header, b []byte, visit Visitor) bool {
	call, fresh := a.answered(h, dir)
	defer func() { a.tell(call, dir, h, fresh, visit) }()
	if len(b) < 26 {
		return false
	}
	_, call.Sides[dir].AuthType, call.Sides[dir].AuthLevel = h.trailer(b, headerBytes)
	at := 26 + int(h.order.Uint16(b[24:]))
	if at > len(b) {
		return false
	}
	call.Endpoint = append([]byte(nil), bytes.TrimRight(b[26:at], "\x00")...)
	at = (at + 3) &^ 3
	if len(b)-at < 4 {
		return false
	}
	n := int(b[at])
	at += 4
	for k := range n {
		if len(b)-at < 4+syntaxBytes {
			return false
		}
		if k < len(call.Interfaces) {
			i := &call.Interfaces[k]
			i.Result, i.Reason = int(h.order.Uint16(b[at:])), h.order.Uint16(b[at+2:])
			a.offer(*i)
		}
		at += 4 + syntaxBytes
	}
	return true
}

// refuse marks what a refused bind has offered.
func (a *Association) refuse(call *Call) {
	for k := range call.Interfaces {
		call.Interfaces[k].Result = ProviderRejected
		a.offer(call.Interfaces[k])
	}
}
