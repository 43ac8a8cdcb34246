package issue

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// Ledger is the site's replicated state as issue reads it.
type Ledger interface {
	// View runs f on the table's bucket in a read transaction. The bucket may be nil while
	// the table is empty.
	View(f func(b *bbolt.Bucket) error) error
	// Watch returns a channel that is closed when the table has changed after the call.
	Watch() <-chan struct{}
}

// The functions below read within one transaction. What they return is a copy and stays valid.

func siteOf(s string) identity.Site { return identity.Site(s) }

func parseDocument(v []byte) (*wire.StoredDocument, error) {
	d := &wire.StoredDocument{}
	if err := proto.Unmarshal(v, d); err != nil {
		return nil, fmt.Errorf("stored document: %w", err)
	}
	return d, nil
}

// Documents returns the newest version of every document, ordered by issuer, kind and name,
// without bodies.
func Documents(b *bbolt.Bucket) ([]*wire.StoredDocument, error) {
	if b == nil {
		return nil, nil
	}
	var list []*wire.StoredDocument
	cur := b.Cursor()
	var last []byte // key of the document read last, without its version
	for k, v := cur.Seek([]byte{prefixDocument}); len(k) > 8 && k[0] == prefixDocument; k, v = cur.Next() {
		d, err := parseDocument(v)
		if err != nil {
			return nil, err
		}
		if doc := k[:len(k)-8]; bytes.Equal(doc, last) {
			list[len(list)-1] = d
		} else {
			list, last = append(list, d), bytes.Clone(doc)
		}
	}
	return list, nil
}

func countDocuments(b *bbolt.Bucket) int {
	n := 0
	var last []byte
	cur := b.Cursor()
	for k, _ := cur.Seek([]byte{prefixDocument}); len(k) > 8 && k[0] == prefixDocument; k, _ = cur.Next() {
		if doc := k[:len(k)-8]; !bytes.Equal(doc, last) {
			n, last = n+1, bytes.Clone(doc)
		}
	}
	return n
}

// versionsOf returns the versions kept of a document, the oldest first.
func versionsOf(b *bbolt.Bucket, key Key) ([]*wire.StoredDocument, error) {
	var list []*wire.StoredDocument
	prefix := documentPrefix(key)
	cur := b.Cursor()
	for k, v := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cur.Next() {
		d, err := parseDocument(v)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// History returns the versions kept of a document, the newest first.
func History(b *bbolt.Bucket, key Key) ([]*wire.StoredDocument, error) {
	if b == nil {
		return nil, nil
	}
	list, err := versionsOf(b, key)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list, err
}

// Newest returns the newest version of a document, nil when there is none.
func Newest(b *bbolt.Bucket, key Key) (*wire.StoredDocument, error) {
	if b == nil {
		return nil, nil
	}
	return newestOf(b, key)
}

func newestOf(b *bbolt.Bucket, key Key) (*wire.StoredDocument, error) {
	list, err := versionsOf(b, key)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[len(list)-1], nil
}

// Body opens the body of a stored document. A nil bucket or a missing piece is an error.
func Body(b *bbolt.Bucket, s Sealer, d *wire.StoredDocument) ([]byte, error) {
	body := make([]byte, 0, min(d.GetHeader().GetBodySize(), wire.DocumentBodyBytesMax))
	for i := range d.GetPieces() {
		var sealed []byte
		if b != nil {
			sealed = b.Get(pieceKey(d.GetBodyId(), i))
		}
		if sealed == nil {
			return nil, fmt.Errorf("body of %s version %d: piece %d is missing", KeyOf(d.GetHeader()), d.GetHeader().GetVersion(), i)
		}
		var err error
		if body, err = s.Open(body, sealed, pieceAAD(d.GetBodyId(), i)); err != nil {
			return nil, fmt.Errorf("body of %s version %d: piece %d: %w", KeyOf(d.GetHeader()), d.GetHeader().GetVersion(), i, err)
		}
	}
	return body, nil
}

func getState(b *bbolt.Bucket, key []byte) (*wire.StoredState, error) {
	v := b.Get(key)
	if v == nil {
		return nil, nil
	}
	s := &wire.StoredState{}
	if err := proto.Unmarshal(v, s); err != nil {
		return nil, fmt.Errorf("stored state: %w", err)
	}
	return s, nil
}

// States returns what became of a document at every site and node heard of, ordered by site
// and node. A state with an empty node is the site's own.
func States(b *bbolt.Bucket, s Sealer, key Key) ([]*wire.DocumentState, error) {
	if b == nil {
		return nil, nil
	}
	prefix := documentPrefix(key)
	prefix[0] = prefixState
	var list []*wire.DocumentState
	cur := b.Cursor()
	for k, _ := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = cur.Next() {
		stored, err := getState(b, k)
		if err != nil {
			return nil, err
		}
		state, err := openState(s, stored)
		if err != nil {
			return nil, err
		}
		list = append(list, state)
	}
	return list, nil
}

// logOf returns the identity of the log of changes, zero while there is none, and its last number.
func logOf(b *bbolt.Bucket) (log [16]byte, last uint64, err error) {
	v := b.Get(keyLog)
	if v == nil {
		return log, 0, nil
	}
	if len(v) != 24 {
		return log, 0, fmt.Errorf("log of changes: %d bytes, want 24", len(v))
	}
	return [16]byte(v), binary.BigEndian.Uint64(v[16:]), nil
}

func markOf(b *bbolt.Bucket, child identity.Site) (*wire.StateMark, error) {
	m := &wire.StateMark{}
	if err := proto.Unmarshal(b.Get(append([]byte{prefixMark}, child...)), m); err != nil {
		return nil, fmt.Errorf("mark of %s: %w", child, err)
	}
	return m, nil
}

// changesAfter returns up to max states changed after a number, oldest change first, and the
// number of the last one looked at.
func changesAfter(b *bbolt.Bucket, after uint64, most int) (list []*wire.StoredState, through uint64, err error) {
	through = after
	if b == nil {
		return nil, through, nil
	}
	cur := b.Cursor()
	for k, v := cur.Seek(changeKey(after + 1)); len(k) == 9 && k[0] == prefixChange && len(list) < most; k, v = cur.Next() {
		s, err := getState(b, v)
		if err != nil {
			return nil, after, err
		}
		if s != nil {
			list = append(list, s)
		}
		through = binary.BigEndian.Uint64(k[1:])
	}
	return list, through, nil
}
