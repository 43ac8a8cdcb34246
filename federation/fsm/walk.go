package fsm

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
)

// The content of a state as a stream of items, in key order, the same on every replica
// whatever its file looks like:
//
//	1, uvarint length, name, u64 sequence      enter a bucket (top level: of a table)
//	2, uvarint length, key, uvarint length, value
//	3                                          leave the bucket
//
// The state machine's own bucket and top-level buckets without content are left out.
const (
	itemEnter = 1
	itemPair  = 2
	itemLeave = 3
)

// writeState writes every table of tx as items.
func writeState(w io.Writer, tx *bbolt.Tx) error {
	out := bufio.NewWriterSize(w, 64<<10)
	c := tx.Cursor()
	for name, value := c.First(); name != nil; name, value = c.Next() {
		if value != nil || bytes.Equal(name, metaName) {
			continue // bbolt allows no pairs at the top
		}
		b := tx.Bucket(name)
		if k, _ := b.Cursor().First(); k == nil && b.Sequence() == 0 {
			continue
		}
		if err := writeBucket(out, name, b, 1); err != nil {
			return fmt.Errorf("table %q: %w", name, err)
		}
	}
	return out.Flush()
}

func writeBucket(w *bufio.Writer, name []byte, b *bbolt.Bucket, depth int) error {
	if depth > bucketDepthMax {
		return fmt.Errorf("buckets nested deeper than %d", bucketDepthMax)
	}
	// bufio.Writer keeps the first error; it is returned by the last write or Flush.
	_ = w.WriteByte(itemEnter)
	writeBytes(w, name)
	_, _ = w.Write(binary.BigEndian.AppendUint64(nil, b.Sequence()))
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if v == nil {
			if err := writeBucket(w, k, b.Bucket(k), depth+1); err != nil {
				return err
			}
			continue
		}
		if len(v) > valueBytesMax {
			return fmt.Errorf("value of %d bytes, at most %d", len(v), valueBytesMax)
		}
		_ = w.WriteByte(itemPair)
		writeBytes(w, k)
		writeBytes(w, v)
	}
	return w.WriteByte(itemLeave)
}

func writeBytes(w *bufio.Writer, b []byte) {
	var n [binary.MaxVarintLen64]byte
	_, _ = w.Write(n[:binary.PutUvarint(n[:], uint64(len(b)))])
	_, _ = w.Write(b)
}

// item is one decoded item. key is the bucket's name for itemEnter.
type item struct {
	tag        byte
	key, value []byte
	sequence   uint64
}

// itemReader decodes items and checks nesting and order.
type itemReader struct {
	r    *bufio.Reader
	last [][]byte // for every open bucket and the top: the last key seen
}

func newItemReader(r io.Reader) *itemReader {
	return &itemReader{r: bufio.NewReaderSize(r, 64<<10), last: [][]byte{nil}}
}

// next returns the next item, or io.EOF after the last one at the top level.
func (d *itemReader) next() (item, error) {
	tag, err := d.r.ReadByte()
	if errors.Is(err, io.EOF) && len(d.last) > 1 {
		return item{}, fmt.Errorf("%w: ends inside a bucket", ErrCorrupt)
	}
	if err != nil {
		return item{}, err
	}
	it := item{tag: tag}
	switch {
	case tag == itemEnter:
		if len(d.last) > bucketDepthMax {
			return item{}, fmt.Errorf("%w: buckets nested deeper than %d", ErrCorrupt, bucketDepthMax)
		}
		if it.key, err = d.key(); err != nil {
			return item{}, err
		}
		var seq [8]byte
		if _, err := io.ReadFull(d.r, seq[:]); err != nil {
			return item{}, inside(err)
		}
		it.sequence = binary.BigEndian.Uint64(seq[:])
		d.last = append(d.last, nil)
	case tag == itemPair && len(d.last) > 1:
		if it.key, err = d.key(); err != nil {
			return item{}, err
		}
		if it.value, err = d.bytes(valueBytesMax); err != nil {
			return item{}, err
		}
	case tag == itemLeave && len(d.last) > 1:
		d.last = d.last[:len(d.last)-1]
	default:
		return item{}, fmt.Errorf("%w: item %d at depth %d", ErrCorrupt, tag, len(d.last)-1)
	}
	return it, nil
}

// key reads a key, which must be greater than the one before it in the same bucket.
func (d *itemReader) key() ([]byte, error) {
	k, err := d.bytes(keyBytesMax)
	if err != nil {
		return nil, err
	}
	top := len(d.last) - 1
	if len(k) == 0 || d.last[top] != nil && bytes.Compare(k, d.last[top]) <= 0 {
		return nil, fmt.Errorf("%w: keys out of order", ErrCorrupt)
	}
	if top == 0 && bytes.Equal(k, metaName) {
		return nil, fmt.Errorf("%w: holds the state machine's own bucket", ErrCorrupt)
	}
	d.last[top] = k
	return k, nil
}

// bytes reads a length and that many bytes; memory grows only as they arrive.
func (d *itemReader) bytes(limit uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(d.r)
	if err != nil {
		return nil, inside(err)
	}
	if n > limit {
		return nil, fmt.Errorf("%w: %d bytes announced, at most %d", ErrCorrupt, n, limit)
	}
	if n <= frameBytesMax {
		b := make([]byte, n)
		_, err := io.ReadFull(d.r, b)
		return b, inside(err)
	}
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, d.r, int64(n)); err != nil {
		return nil, inside(err)
	}
	return buf.Bytes(), nil
}

// inside turns an end of input in the middle of an item into an error.
func inside(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: ends inside an item", ErrCorrupt)
	}
	return err
}

// hashLabel separates state hashes from snapshot digests.
const hashLabel = "fengsui fsm state v1"

// Hash is a digest over the content of all tables, equal on replicas that have applied
// the same commands. It reads the whole state: for tests and for an operator's doubt.
func (f *FSM) Hash() (sum [32]byte, err error) {
	err = f.View(func(tx *bbolt.Tx) error {
		w := newFrameWriter(nil, newChain(hashLabel, nil))
		if err := writeState(w, tx); err != nil {
			return err
		}
		sum, err = w.finish()
		return err
	})
	return sum, err
}
