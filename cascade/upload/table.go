package upload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// Table is the site's outbox and everything it received from below. It holds no state of its
// own: all of it lies in the bucket.
type Table struct{}

// NewTable returns the table.
func NewTable() *Table { return &Table{} }

// Apply carries out one command. An error means the body was not one this program would write;
// nothing was changed then. Results a program decides upon are in the value.
func (*Table) Apply(b *bbolt.Bucket, kind uint16, version uint8, at time.Time, _ [16]byte, body []byte) ([]byte, error) {
	if version > commandVersion {
		return nil, fmt.Errorf("upload command %d has version %d, known up to %d: upgrade this node", kind, version, commandVersion)
	}
	// Sequences only grow, so pages fill from the left: leave little room in them.
	b.FillPercent = 0.9
	switch kind {
	case KindAppend:
		return applyAppend(b, at, body)
	case KindAccept:
		return applyAccept(b, at, body)
	case KindAcked:
		return nil, applyAcked(b, body)
	case KindEpoch:
		return applyEpoch(b, body)
	}
	return nil, fmt.Errorf("command kind %d does not belong to upload", kind)
}

const (
	prefixLane   = 'l'
	prefixRecord = 'r'
	prefixID     = 'i'
	prefixOwn    = 'o'
)

var keyOwn = []byte{prefixOwn}

func laneKey(k LaneKey) []byte {
	b := append(make([]byte, 0, 8+len(k.Origin)), prefixLane, byte(k.Class))
	b = appendStr8(b, string(k.Origin))
	return binary.BigEndian.AppendUint32(b, k.Epoch)
}

func parseLaneKey(key []byte) (LaneKey, error) {
	r := reader{b: key, off: 1}
	k := LaneKey{Class: wire.Class(r.u8("class"))}
	k.Origin = identity.Site(r.str8("origin"))
	k.Epoch = r.u32("epoch")
	if err := r.end(); err != nil {
		return k, fmt.Errorf("lane key: %w", err)
	}
	return k, nil
}

// recordPrefix is the key of a lane's records without the sequence.
func recordPrefix(k LaneKey) []byte {
	b := append(make([]byte, 0, 16+len(k.Origin)), prefixRecord)
	b = appendStr8(b, string(k.Origin))
	b = binary.BigEndian.AppendUint32(b, k.Epoch)
	return append(b, byte(k.Class))
}

func idKey(id [wire.IDBytes]byte) []byte { return append([]byte{prefixID}, id[:]...) }

// LaneState is what the ledger knows of a lane: High records were produced (as far as this site
// knows), Delivered of them taken by the parent, Shed given up. Produced = delivered + shed +
// pending, always.
type LaneState struct {
	LaneKey
	High      uint64
	Delivered uint64
	Shed      uint64
	Bytes     uint64    // stored
	At        time.Time // of the last record taken
}

// Pending is how many records still wait for the parent.
func (s LaneState) Pending() uint64 { return s.High - s.Delivered - s.Shed }

func getLane(b *bbolt.Bucket, k LaneKey) (LaneState, error) {
	s := LaneState{LaneKey: k}
	v := b.Get(laneKey(k))
	if v == nil {
		return s, nil
	}
	return s, s.parse(v)
}

func (s *LaneState) parse(v []byte) error {
	r := reader{b: v}
	s.High, s.Delivered, s.Shed, s.Bytes = r.u64("high"), r.u64("delivered"), r.u64("shed"), r.u64("bytes")
	s.At = time.Unix(0, int64(r.u64("at")))
	if err := r.end(); err != nil {
		return fmt.Errorf("lane %s: %w", s.LaneKey, err)
	}
	return nil
}

func putLane(b *bbolt.Bucket, s LaneState) error {
	v := make([]byte, 0, 40)
	for _, n := range []uint64{s.High, s.Delivered, s.Shed, s.Bytes, uint64(s.At.UnixNano())} {
		v = binary.BigEndian.AppendUint64(v, n)
	}
	if err := b.Put(laneKey(s.LaneKey), v); err != nil {
		return fmt.Errorf("writing lane %s: %w", s.LaneKey, err)
	}
	return nil
}

// lanes keeps the lane states one command touches, in the order it touched them.
type lanes struct {
	b     *bbolt.Bucket
	index map[LaneKey]int
	list  []LaneState
}

func newLanes(b *bbolt.Bucket) *lanes { return &lanes{b: b, index: map[LaneKey]int{}} }

func (l *lanes) at(k LaneKey) (*LaneState, error) {
	if i, ok := l.index[k]; ok {
		return &l.list[i], nil
	}
	s, err := getLane(l.b, k)
	if err != nil {
		return nil, err
	}
	l.index[k] = len(l.list)
	l.list = append(l.list, s)
	return &l.list[len(l.list)-1], nil
}

// write stores the lanes that hold anything; one only asked about stays unknown.
func (l *lanes) write() error {
	for _, s := range l.list {
		if s.High == 0 {
			continue
		}
		if err := putLane(l.b, s); err != nil {
			return err
		}
	}
	return nil
}

// put adds one record at the end of its lane.
func put(b *bbolt.Bucket, s *LaneState, prefix, stored []byte, at time.Time, origin bool) error {
	s.High++
	s.Bytes += uint64(len(stored))
	s.At = at
	stamp(stored, at, origin)
	if err := b.Put(binary.BigEndian.AppendUint64(prefix[:len(prefix):len(prefix)], s.High), stored); err != nil {
		return fmt.Errorf("writing record %s/%d: %w", s.LaneKey, s.High, err)
	}
	return nil
}

// ownSite returns the site's own code and epoch; ok is false before the first command.
func ownSite(b *bbolt.Bucket) (origin identity.Site, epoch uint32, ok bool, err error) {
	v := b.Get(keyOwn)
	if v == nil {
		return "", 1, false, nil
	}
	r := reader{b: v}
	epoch, origin = r.u32("epoch"), identity.Site(r.str8("origin"))
	if err := r.end(); err != nil {
		return "", 0, false, fmt.Errorf("own site: %w", err)
	}
	return origin, epoch, true, nil
}

func putOwn(b *bbolt.Bucket, origin identity.Site, epoch uint32) error {
	v := appendStr8(binary.BigEndian.AppendUint32(nil, epoch), string(origin))
	if err := b.Put(keyOwn, v); err != nil {
		return fmt.Errorf("writing own site: %w", err)
	}
	return nil
}

func applyAppend(b *bbolt.Bucket, at time.Time, body []byte) ([]byte, error) {
	// The body belongs to the log; the times are stamped into a copy, which the transaction
	// keeps until it ends.
	origin, list, err := parseAppend(bytes.Clone(body))
	if err != nil {
		return nil, err
	}
	site, epoch, known, err := ownSite(b)
	if err != nil {
		return nil, err
	}
	if known && site != origin {
		return nil, fmt.Errorf("append: own records are of %s here, not of %s", site, origin)
	}
	touched := newLanes(b)
	for _, o := range list {
		if _, err := touched.at(LaneKey{origin, epoch, o.class}); err != nil {
			return nil, err
		}
	}
	if !known {
		if err := putOwn(b, origin, epoch); err != nil {
			return nil, err
		}
	}
	value := make([]byte, 0, 12*len(list))
	for _, o := range list {
		if v := b.Get(idKey(o.id)); len(v) == 13 {
			value = append(append(value, v[:4]...), v[5:]...)
			continue
		}
		s, err := touched.at(LaneKey{origin, epoch, o.class})
		if err != nil {
			return nil, err
		}
		if err := put(b, s, recordPrefix(s.LaneKey), o.stored, at, true); err != nil {
			return nil, err
		}
		v := append(binary.BigEndian.AppendUint32(nil, epoch), byte(o.class))
		v = binary.BigEndian.AppendUint64(v, s.High)
		if err := b.Put(idKey(o.id), v); err != nil {
			return nil, fmt.Errorf("writing record id: %w", err)
		}
		value = append(append(value, v[:4]...), v[5:]...)
	}
	return value, touched.write()
}

func applyAccept(b *bbolt.Bucket, at time.Time, body []byte) ([]byte, error) {
	_, batches, err := parseAccept(bytes.Clone(body))
	if err != nil {
		return nil, err
	}
	site, _, known, err := ownSite(b)
	if err != nil {
		return nil, err
	}
	touched := newLanes(b)
	for _, a := range batches {
		if known && a.Origin == site {
			return nil, fmt.Errorf("accept: %s is this site itself", a.Origin)
		}
		if _, err := touched.at(a.LaneKey); err != nil {
			return nil, err
		}
	}
	verdicts := make([]verdict, 0, len(batches))
	for _, a := range batches {
		s, err := touched.at(a.LaneKey)
		if err != nil {
			return nil, err
		}
		v := verdict{code: wire.CodeOK}
		switch last := a.first + uint64(len(a.stored)) - 1; {
		case a.first > s.High+1:
			v.code = wire.CodeGap
		case last <= s.High:
			v.code = wire.CodeDuplicate
		default:
			prefix := recordPrefix(a.LaneKey)
			for _, stored := range a.stored[s.High+1-a.first:] {
				if err := put(b, s, prefix, stored, at, false); err != nil {
					return nil, err
				}
			}
		}
		v.next = s.High + 1
		verdicts = append(verdicts, v)
	}
	return appendVerdicts(make([]byte, 0, 10*len(verdicts)), verdicts), touched.write()
}

// applyAcked moves delivered forward, never beyond what was produced and never back.
func applyAcked(b *bbolt.Bucket, body []byte) error {
	marks, err := parseAcked(body)
	if err != nil {
		return err
	}
	touched := newLanes(b)
	for _, m := range marks {
		s, err := touched.at(m.LaneKey)
		if err != nil {
			return err
		}
		s.Delivered = max(s.Delivered, min(m.seq, s.High-s.Shed))
	}
	return touched.write()
}

func applyEpoch(b *bbolt.Bucket, body []byte) ([]byte, error) {
	origin, epoch, err := parseEpoch(body)
	if err != nil {
		return nil, err
	}
	site, present, known, err := ownSite(b)
	if err != nil {
		return nil, err
	}
	if known && site != origin {
		return nil, fmt.Errorf("epoch: this site is %s, not %s", site, origin)
	}
	if epoch > present {
		present = epoch
		if err := putOwn(b, origin, epoch); err != nil {
			return nil, err
		}
	}
	return binary.BigEndian.AppendUint32(nil, present), nil
}
