package nfs

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Operations of version 4 (RFC 7530 16, RFC 8881 18).
const (
	opAccess       = 3
	opClose        = 4
	opCommit       = 5
	opCreate       = 6
	opDelegReturn  = 8
	opGetAttr      = 9
	opGetFH        = 10
	opLink         = 11
	opLock         = 12
	opLockTest     = 13
	opUnlock       = 14
	opLookup       = 15
	opLookupParent = 16
	opNotVerify    = 17
	opOpen         = 18
	opOpenAttr     = 19
	opOpenConfirm  = 20
	opDowngrade    = 21
	opPutFH        = 22
	opPutPublic    = 23
	opPutRoot      = 24
	opRead         = 25
	opReadDir      = 26
	opReadLink     = 27
	opRemove       = 28
	opRename       = 29
	opRenew        = 30
	opRestoreFH    = 31
	opSaveFH       = 32
	opSecInfo      = 33
	opSetAttr      = 34
	opSetClientID  = 35
	opConfirmID    = 36
	opVerify       = 37
	opWrite        = 38
	opReleaseOwner = 39
	opDestroySess  = 44
	opFreeState    = 45
	opSecNoName    = 52
	opSequence     = 53
	opDestroyID    = 57
	opReclaimDone  = 58

	stateBytes = 16
)

// compound reads the operations of a call (RFC 7530 15.2). It ends at one whose arguments it does not know.
func (p *Parser) compound(c *proto.Context, k *call, r *reader) {
	r.opaque(nameMax)
	r.skip(4)
	n := r.u32()
	var current []byte
	var ops []uint32
	t := &Transaction{} // what the operations say, until it is clear that they are no read or write
	bulk := false
	for i := uint32(0); i < n && !r.bad; i++ {
		op := r.u32()
		if r.bad {
			break
		}
		if len(ops) < opsMax {
			ops = append(ops, op)
		}
		switch op {
		case opPutFH:
			current = r.opaque(handleMax)
		case opPutRoot, opPutPublic, opLookupParent, opRestoreFH:
			current = nil
		case opRead:
			r.skip(stateBytes)
			if offset := r.u64(); len(k.reads) < opsMax {
				k.reads = append(k.reads, place{bytes.Clone(current), offset})
			}
			r.skip(4)
			bulk = true
		case opWrite:
			r.skip(stateBytes)
			offset := r.u64()
			r.skip(4)
			at, size := r.data()
			if r.bad {
				break
			}
			bulk = true
			if !p.carry(flow.ToServer, p.content(c, k, flow.ToServer, current, opWrite), r, offset, at, size) {
				n = 0 // what follows the data is passed over
			}
		case opClose:
			r.skip(4 + stateBytes)
			p.closed(current, flow.ToServer)
			p.closed(current, flow.ToClient)
			t.Name = p.name(current)
		default:
			if !r.argument(op, t, k) {
				n = 0
			}
		}
		if t.Handle == nil && current != nil {
			t.Handle = bytes.Clone(current)
		}
	}
	if bulk {
		return
	}
	k.tx = p.begin(c, k)
	k.tx.Operations, k.tx.Name, k.tx.NewName, k.tx.Handle = ops, t.Name, t.NewName, t.Handle
	if k.tx.Name == nil {
		k.tx.Name = p.name(t.Handle)
	}
}

// give notes a name that an operation gives to the current file.
func (k *call) give(name []byte) {
	if len(k.names) < opsMax {
		k.names = append(k.names, name)
	}
}

// argument reads the arguments of an operation that carries no data; false when they are not known.
func (r *reader) argument(op uint32, t *Transaction, k *call) bool {
	switch op {
	case opGetFH, opReadLink, opSaveFH:
	case opAccess, opOpenAttr, opSecNoName, opReclaimDone:
		r.skip(4)
	case opCommit:
		r.skip(12)
	case opRenew, opDestroyID:
		r.skip(8)
	case opDelegReturn, opDestroySess, opFreeState, opConfirmID:
		r.skip(stateBytes)
	case opOpenConfirm:
		r.skip(stateBytes + 4)
	case opDowngrade:
		r.skip(stateBytes + 12)
	case opSequence:
		r.skip(stateBytes + 16)
	case opGetAttr:
		r.bitmap()
	case opVerify, opNotVerify:
		r.attributes()
	case opSetAttr:
		r.skip(stateBytes)
		r.attributes()
	case opLookup:
		t.Name = r.text()
		k.give(t.Name)
	case opRemove, opSecInfo:
		t.Name = r.text()
	case opLink:
		t.NewName = r.text()
	case opRename:
		t.Name, t.NewName = r.text(), r.text()
	case opCreate:
		switch r.u32() {
		case 3, 4: // devices
			r.skip(8)
		case 5: // symbolic link
			r.opaque(wholeMax)
		}
		t.Name = r.text()
		k.give(t.Name)
		r.attributes()
	case opOpen:
		t.Name = r.open()
		k.give(t.Name)
	case opReadDir:
		r.skip(24)
		r.bitmap()
	case opLock:
		r.skip(24)
		if r.u32() == 1 {
			r.skip(4 + stateBytes + 4 + 8)
			r.opaque(nameMax)
		} else {
			r.skip(stateBytes + 4)
		}
	case opLockTest:
		r.skip(28)
		r.opaque(nameMax)
	case opUnlock:
		r.skip(8 + stateBytes + 16)
	case opSetClientID:
		r.skip(8)
		r.opaque(nameMax)
		r.skip(4)
		r.opaque(nameMax)
		r.opaque(nameMax)
		r.skip(4)
	case opReleaseOwner:
		r.skip(8)
		r.opaque(nameMax)
	default:
		return false
	}
	return true
}

// open reads the arguments of OPEN (RFC 7530 16.16.1) and returns the name, nil when it is given by a handle.
func (r *reader) open() []byte {
	r.skip(12 + 8)
	r.opaque(nameMax)
	if r.u32() == 1 {
		switch r.u32() {
		case 0, 1:
			r.attributes()
		case 2:
			r.skip(8)
		case 3:
			r.skip(8)
			r.attributes()
		}
	}
	switch r.u32() {
	case 0, 3:
		return r.text()
	case 1:
		r.skip(4)
	case 2:
		r.skip(stateBytes)
		return r.text()
	case 5:
		r.skip(stateBytes)
	}
	return nil
}

// compounded reads the results of a call. It ends at one whose form it does not know.
func (p *Parser) compounded(c *proto.Context, k *call, r *reader) {
	r.opaque(nameMax)
	n := r.u32()
	names, reads := k.names, k.reads
	var name []byte
	for i := uint32(0); i < n && !r.bad; i++ {
		op, status := r.u32(), r.u32()
		switch op {
		case opLookup, opOpen, opCreate:
			if len(names) > 0 {
				name, names = names[0], names[1:]
			}
		}
		if status != 0 {
			return
		}
		switch op {
		case opGetFH:
			if h := r.opaque(handleMax); !r.bad {
				p.setName(h, name)
			}
		case opRead:
			end := r.u32() != 0
			if len(reads) == 0 || !p.answer(c, k, r, reads[0], opRead, end) {
				return
			}
			reads = reads[1:]
		default:
			if !r.result(op) {
				return
			}
		}
	}
}

// result passes over the result of an operation; false when its form is not known.
func (r *reader) result(op uint32) bool {
	const change = 20
	switch op {
	case opPutFH, opPutRoot, opPutPublic, opLookup, opLookupParent, opRestoreFH, opSaveFH, opDelegReturn, opRenew, opVerify, opNotVerify,
		opOpenAttr, opReleaseOwner, opDestroySess, opDestroyID, opReclaimDone, opConfirmID:
	case opAccess, opCommit:
		r.skip(8)
	case opClose, opOpenConfirm, opDowngrade, opLock, opUnlock, opSetClientID:
		r.skip(stateBytes)
	case opCreate:
		r.skip(change)
		r.bitmap()
	case opGetAttr:
		r.attributes()
	case opLink, opRemove:
		r.skip(change)
	case opRename:
		r.skip(2 * change)
	case opSetAttr:
		r.bitmap()
	case opReadLink:
		r.opaque(wholeMax)
	case opWrite:
		r.skip(stateBytes)
	case opSequence:
		r.skip(stateBytes + 20)
	case opFreeState:
		r.skip(4)
	case opOpen:
		r.skip(stateBytes + change + 4)
		r.bitmap()
		r.delegation()
	default:
		return false
	}
	return true
}

// delegation passes over what an OPEN delegates (RFC 7530 16.16.2, RFC 8881 18.16.2).
func (r *reader) delegation() {
	switch r.u32() {
	case 1:
		r.skip(stateBytes + 4 + 12)
		r.opaque(nameMax)
	case 2:
		r.skip(stateBytes + 4 + 12 + 12)
		r.opaque(nameMax)
	case 3:
		if why := r.u32(); why == 1 || why == 2 {
			r.skip(4)
		}
	}
}
