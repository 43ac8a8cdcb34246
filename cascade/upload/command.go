package upload

import (
	"context"
	"encoding/binary"
	"fmt"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// Command kinds of the table. The numbers are a file format.
const (
	KindAppend uint16 = 200 // own records
	KindAccept uint16 = 201 // batches from a child
	KindAcked  uint16 = 202 // the parent's high-water marks
	KindEpoch  uint16 = 203 // start a new epoch of the own lanes
)

// Kinds lists the table's command kinds.
func Kinds() []uint16 { return []uint16{KindAppend, KindAccept, KindAcked, KindEpoch} }

// commandVersion is the body version written here.
const commandVersion = 1

// Limits of one command, under the 1 MiB a Raft entry may have.
const (
	commandBytesMax   = 768 << 10
	commandRecordsMax = 1024
	commandLanesMax   = 4096
)

// Proposer commits a command in the site's ledger and returns the table's value. An error means
// the outcome is unknown or nothing was committed; both are safe to repeat here.
type Proposer interface {
	Propose(ctx context.Context, kind uint16, id [16]byte, body []byte) (value []byte, err error)
}

// Bodies, big endian, str8 = n(1) bytes(n):
//
//	append: origin str8, count u16, count × (class u8, n u32, stored record)
//	        value: count × (epoch u32, seq u64)
//	accept: child str8, count u16, count × (origin str8, epoch u32, class u8, first u64, count u16, count × (n u32, stored record))
//	        value: count × (code u16, next u64)
//	acked:  count u16, count × (origin str8, epoch u32, class u8, seq u64); no value
//	epoch:  origin str8, epoch u32; value: epoch u32 now in force

// batch is one run of stored records of one lane.
type batch struct {
	LaneKey
	first  uint64
	stored [][]byte
}

// verdict is what became of a batch.
type verdict struct {
	code wire.Code
	next uint64
}

func appendLane(b []byte, k LaneKey) []byte {
	b = appendStr8(b, string(k.Origin))
	b = binary.BigEndian.AppendUint32(b, k.Epoch)
	return append(b, byte(k.Class))
}

func readLane(r *reader) (LaneKey, error) {
	origin := r.str8("origin")
	k := LaneKey{Epoch: r.u32("epoch"), Class: wire.Class(r.u8("class"))}
	if r.err != nil {
		return k, r.err
	}
	var err error
	if k.Origin, err = identity.ParseSite(origin); err != nil {
		return k, fmt.Errorf("origin: %w", err)
	}
	if k.Epoch == 0 || !k.Class.Valid() {
		return k, fmt.Errorf("lane %s: epoch and class must not be 0", k)
	}
	return k, nil
}

func readStored(r *reader) ([]byte, Header, error) {
	n := r.u32("record length")
	if n > storedBytesMax {
		return nil, Header{}, fmt.Errorf("record length %d, at most %d", n, storedBytesMax)
	}
	stored := r.take(int(n), "record")
	if r.err != nil {
		return nil, Header{}, r.err
	}
	h, _, err := parseStored(stored)
	return stored, h, err
}

// acceptBody encodes batches that came from child.
func acceptBody(child identity.Site, batches []batch) []byte {
	size := 64
	for _, a := range batches {
		size += 64
		for _, s := range a.stored {
			size += 4 + len(s)
		}
	}
	b := appendStr8(make([]byte, 0, size), string(child))
	b = binary.BigEndian.AppendUint16(b, uint16(len(batches)))
	for _, a := range batches {
		b = appendLane(b, a.LaneKey)
		b = binary.BigEndian.AppendUint64(b, a.first)
		b = binary.BigEndian.AppendUint16(b, uint16(len(a.stored)))
		for _, s := range a.stored {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
			b = append(b, s...)
		}
	}
	return b
}

func parseAccept(body []byte) (child identity.Site, batches []batch, err error) {
	r := reader{b: body}
	name := r.str8("child")
	if r.err == nil {
		if child, err = identity.ParseSite(name); err != nil {
			return "", nil, fmt.Errorf("accept: child: %w", err)
		}
	}
	total := 0
	for n := int(r.u16("batches")); n > 0 && r.err == nil; n-- {
		var a batch
		if a.LaneKey, err = readLane(&r); err != nil {
			return "", nil, fmt.Errorf("accept: batch %d: %w", len(batches), err)
		}
		if !child.Contains(a.Origin) {
			return "", nil, fmt.Errorf("accept: batch %d: origin %s is not below %s", len(batches), a.Origin, child)
		}
		a.first = r.u64("first")
		count := int(r.u16("records"))
		if total += count; r.err == nil && (a.first == 0 || a.first > 1<<62 || count == 0 || total > commandRecordsMax) {
			return "", nil, fmt.Errorf("accept: batch %d: %d records from sequence %d", len(batches), count, a.first)
		}
		for ; count > 0 && r.err == nil; count-- {
			s, _, err := readStored(&r)
			if err != nil {
				return "", nil, fmt.Errorf("accept: batch %d, record %d: %w", len(batches), len(a.stored), err)
			}
			a.stored = append(a.stored, s)
		}
		batches = append(batches, a)
	}
	if err := r.end(); err != nil {
		return "", nil, fmt.Errorf("accept: %w", err)
	}
	return child, batches, nil
}

func appendVerdicts(b []byte, list []verdict) []byte {
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(v.code))
		b = binary.BigEndian.AppendUint64(b, v.next)
	}
	return b
}

func parseVerdicts(value []byte, want int) ([]verdict, error) {
	r := reader{b: value}
	list := make([]verdict, 0, want)
	for range want {
		list = append(list, verdict{code: wire.Code(r.u16("code")), next: r.u64("next")})
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("accept value: %w", err)
	}
	return list, nil
}

// own is one record of an append command.
type own struct {
	class  wire.Class
	id     [wire.IDBytes]byte
	stored []byte
}

func parseAppend(body []byte) (origin identity.Site, list []own, err error) {
	r := reader{b: body}
	name := r.str8("origin")
	if r.err == nil {
		if origin, err = identity.ParseSite(name); err != nil {
			return "", nil, fmt.Errorf("append: origin: %w", err)
		}
	}
	count := int(r.u16("records"))
	if count > commandRecordsMax {
		return "", nil, fmt.Errorf("append: %d records, at most %d", count, commandRecordsMax)
	}
	for ; count > 0 && r.err == nil; count-- {
		o := own{class: wire.Class(r.u8("class"))}
		s, h, err := readStored(&r)
		if err != nil {
			return "", nil, fmt.Errorf("append: record %d: %w", len(list), err)
		}
		if !o.class.Valid() {
			return "", nil, fmt.Errorf("append: record %d: class 0", len(list))
		}
		o.id, o.stored = h.ID, s
		list = append(list, o)
	}
	if err := r.end(); err != nil {
		return "", nil, fmt.Errorf("append: %w", err)
	}
	return origin, list, nil
}

// mark is how far a lane has been taken by the parent.
type mark struct {
	LaneKey
	seq uint64
}

func ackedBody(marks []mark) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(marks)))
	for _, m := range marks {
		b = appendLane(b, m.LaneKey)
		b = binary.BigEndian.AppendUint64(b, m.seq)
	}
	return b
}

func parseAcked(body []byte) ([]mark, error) {
	r := reader{b: body}
	var list []mark
	for n := int(r.u16("marks")); n > 0 && r.err == nil; n-- {
		k, err := readLane(&r)
		if err != nil {
			return nil, fmt.Errorf("acked: mark %d: %w", len(list), err)
		}
		list = append(list, mark{k, r.u64("seq")})
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("acked: %w", err)
	}
	return list, nil
}

// EpochBody is the body of KindEpoch: own records from now on belong to the given epoch, which
// must be greater than the present one. Restoring a site from a backup proposes it.
func EpochBody(origin identity.Site, epoch uint32) []byte {
	return binary.BigEndian.AppendUint32(appendStr8(nil, string(origin)), epoch)
}

func parseEpoch(body []byte) (identity.Site, uint32, error) {
	r := reader{b: body}
	name, epoch := r.str8("origin"), r.u32("epoch")
	if err := r.end(); err != nil {
		return "", 0, fmt.Errorf("epoch: %w", err)
	}
	origin, err := identity.ParseSite(name)
	if err != nil {
		return "", 0, fmt.Errorf("epoch: origin: %w", err)
	}
	return origin, epoch, nil
}
