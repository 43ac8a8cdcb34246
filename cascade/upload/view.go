package upload

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// Ledger is the site's replicated state as upload reads it.
type Ledger interface {
	// View runs f on the table's bucket in a read transaction. The bucket may be nil while
	// the table is empty.
	View(f func(b *bbolt.Bucket) error) error
	// Watch returns a channel that is closed when the table has changed after the call.
	Watch() <-chan struct{}
}

// The functions below read within one transaction. What they return is a copy and stays valid.

// Lanes returns every lane of a class, or of all classes when class is 0, ordered by class,
// origin, epoch.
func Lanes(b *bbolt.Bucket, class wire.Class) ([]LaneState, error) {
	if b == nil {
		return nil, nil
	}
	prefix := []byte{prefixLane}
	if class != 0 {
		prefix = append(prefix, byte(class))
	}
	var list []LaneState
	c := b.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		key, err := parseLaneKey(k)
		if err != nil {
			return nil, err
		}
		s := LaneState{LaneKey: key}
		if err := s.parse(v); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// LaneOf returns one lane; all of it is zero when nothing is known of it.
func LaneOf(b *bbolt.Bucket, k LaneKey) (LaneState, error) {
	if b == nil {
		return LaneState{LaneKey: k}, nil
	}
	return getLane(b, k)
}

// OwnEpoch returns the epoch in which own records are appended.
func OwnEpoch(b *bbolt.Bucket) (uint32, error) {
	if b == nil {
		return 1, nil
	}
	_, epoch, _, err := ownSite(b)
	return epoch, err
}

// Balance sums a site's lanes over its epochs, one count a class: produced = delivered + shed +
// pending.
func Balance(b *bbolt.Bucket, origin identity.Site) ([]*wire.ClassCount, error) {
	all, err := Lanes(b, 0)
	if err != nil {
		return nil, err
	}
	var list []*wire.ClassCount
	for _, s := range all {
		if s.Origin != origin {
			continue
		}
		if len(list) == 0 || list[len(list)-1].Class != s.Class {
			list = append(list, &wire.ClassCount{Class: s.Class})
		}
		c := list[len(list)-1]
		c.Produced += s.High
		c.Delivered += s.Delivered
		c.Shed += s.Shed
	}
	return list, nil
}

// Scan calls f for the records of a lane from a sequence upward, until f returns false. The
// entry is f's to keep.
func Scan(b *bbolt.Bucket, k LaneKey, from uint64, f func(*Entry) bool) error {
	if b == nil {
		return nil
	}
	prefix := recordPrefix(k)
	c := b.Cursor()
	for key, v := c.Seek(binary.BigEndian.AppendUint64(slices.Clone(prefix), from)); bytes.HasPrefix(key, prefix); key, v = c.Next() {
		e, err := parseEntry(k, key[len(prefix):], v)
		if err != nil {
			return err
		}
		if !f(e) {
			return nil
		}
	}
	return nil
}

func parseEntry(k LaneKey, seq, v []byte) (*Entry, error) {
	if len(seq) != 8 {
		return nil, fmt.Errorf("record key of lane %s: sequence of %d bytes", k, len(seq))
	}
	h, sealed, err := parseStored(v)
	if err != nil {
		return nil, fmt.Errorf("record %s/%d: %w", k, binary.BigEndian.Uint64(seq), err)
	}
	return &Entry{Position: Position{k, binary.BigEndian.Uint64(seq)}, Header: h, sealed: bytes.Clone(sealed)}, nil
}

// Find returns the place of an own record by its ID, for ever after it was appended.
func Find(b *bbolt.Bucket, id [wire.IDBytes]byte) (Position, bool, error) {
	if b == nil {
		return Position{}, false, nil
	}
	v := b.Get(idKey(id))
	if v == nil {
		return Position{}, false, nil
	}
	origin, _, _, err := ownSite(b)
	if err != nil {
		return Position{}, false, err
	}
	r := reader{b: v}
	p := Position{LaneKey: LaneKey{Origin: origin, Epoch: r.u32("epoch"), Class: wire.Class(r.u8("class"))}, Seq: r.u64("seq")}
	if err := r.end(); err != nil {
		return Position{}, false, fmt.Errorf("record id: %w", err)
	}
	return p, true, nil
}

// Filter says which lanes to read: of a class, and of the origins it is true for (nil: all).
type Filter struct {
	Class  wire.Class
	Origin func(identity.Site) bool
}

func (f Filter) lanes(b *bbolt.Bucket) ([]LaneState, error) {
	list, err := Lanes(b, f.Class)
	if err != nil || f.Origin == nil {
		return list, err
	}
	return slices.DeleteFunc(list, func(s LaneState) bool { return !f.Origin(s.Origin) }), nil
}

// Latest calls f for the records of the filter, the last received first, until f returns false.
func Latest(b *bbolt.Bucket, filter Filter, f func(*Entry) bool) error {
	list, err := filter.lanes(b)
	if err != nil {
		return err
	}
	// One cursor a lane, each at its newest; always take the newest of all.
	type source struct {
		c      *bbolt.Cursor
		prefix []byte
		lane   LaneKey
		entry  *Entry
	}
	var open []*source
	step := func(s *source, key, v []byte) error {
		s.entry = nil
		if !bytes.HasPrefix(key, s.prefix) {
			return nil
		}
		var err error
		s.entry, err = parseEntry(s.lane, key[len(s.prefix):], v)
		return err
	}
	for _, lane := range list {
		s := &source{c: b.Cursor(), prefix: recordPrefix(lane.LaneKey), lane: lane.LaneKey}
		key, v := s.c.Seek(binary.BigEndian.AppendUint64(slices.Clone(s.prefix), lane.High))
		if err := step(s, key, v); err != nil {
			return err
		}
		if s.entry != nil {
			open = append(open, s)
		}
	}
	for len(open) > 0 {
		newest := 0
		for i, s := range open {
			if s.entry.Received.After(open[newest].entry.Received) {
				newest = i
			}
		}
		s := open[newest]
		if !f(s.entry) {
			return nil
		}
		key, v := s.c.Prev()
		if err := step(s, key, v); err != nil {
			return err
		}
		if s.entry == nil {
			open = slices.Delete(open, newest, newest+1)
		}
	}
	return nil
}

// Cursor is a reader's place in many lanes at once: the last sequence seen of each.
type Cursor map[LaneKey]uint64

// TailFrom returns the cursor behind everything there is now.
func TailFrom(b *bbolt.Bucket, filter Filter) (Cursor, error) {
	list, err := filter.lanes(b)
	if err != nil {
		return nil, err
	}
	c := Cursor{}
	for _, s := range list {
		c[s.LaneKey] = s.High
	}
	return c, nil
}

// Tail returns up to limit records behind the cursor, in the order received, and moves the
// cursor past them. A lane that appeared since is read from its start. Every lane is given its
// share of the limit, so a long backlog of one hides no other.
func Tail(b *bbolt.Bucket, filter Filter, cursor Cursor, limit int) ([]*Entry, error) {
	list, err := filter.lanes(b)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(s LaneState) bool { return s.High <= cursor[s.LaneKey] })
	var out []*Entry
	for i, s := range list {
		share := (limit - len(out)) / (len(list) - i)
		if i == 0 {
			share = max(share, 1)
		}
		err := Scan(b, s.LaneKey, cursor[s.LaneKey]+1, func(e *Entry) bool {
			if share == 0 {
				return false
			}
			share--
			out = append(out, e)
			cursor[s.LaneKey] = e.Seq
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b *Entry) int { return a.Received.Compare(b.Received) })
	return out, nil
}

// highs reads how far this site holds each of the lanes.
func highs(l Ledger, keys []LaneKey) ([]uint64, error) {
	high := make([]uint64, len(keys))
	err := l.View(func(b *bbolt.Bucket) error {
		for i, k := range keys {
			s, err := LaneOf(b, k)
			if err != nil {
				return err
			}
			high[i] = s.High
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading lanes: %w", err)
	}
	return high, nil
}

// readLanes returns the lanes of a class.
func readLanes(l Ledger, class wire.Class) (list []LaneState, err error) {
	err = l.View(func(b *bbolt.Bucket) error {
		list, err = Lanes(b, class)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading lanes: %w", err)
	}
	return list, nil
}

// readBatch returns the entries of a lane from a sequence upward that fit into one batch.
func readBatch(l Ledger, k LaneKey, from uint64) (list []*Entry, err error) {
	size := 0
	err = l.View(func(b *bbolt.Bucket) error {
		return Scan(b, k, from, func(e *Entry) bool {
			if size += e.Size; len(list) > 0 && size > wire.BatchBytesMax {
				return false
			}
			list = append(list, e)
			return len(list) < wire.BatchRecordsMax
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading lane %s from %d: %w", k, from, err)
	}
	return list, nil
}
