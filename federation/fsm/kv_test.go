package fsm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"

	"go.etcd.io/bbolt"
)

// Kinds of the test table.
const (
	kindPut    fsm.Kind = 1 // key '=' value; a key "no…" is refused with code 7
	kindDelete fsm.Kind = 2 // key
	kindCount  fsm.Kind = 3 // takes a number from the bucket's sequence; answers it
	kindNest   fsm.Kind = 4 // bucket '/' key '=' value
	kindPanic  fsm.Kind = 5
	kindID     fsm.Kind = 6 // remembers id and time
)

// codedError is how a table gives its refusals a number.
type codedError uint32

func (e codedError) Error() string { return fmt.Sprintf("refused with %d", uint32(e)) }
func (e codedError) Code() uint32  { return uint32(e) }

// kv is a table that uses everything a table may use of a bucket.
type kv struct{}

func (kv) Apply(b *bbolt.Bucket, kind uint16, _ uint8, at time.Time, id [16]byte, body []byte) ([]byte, error) {
	switch fsm.Kind(kind) {
	case kindPut:
		if bytes.HasPrefix(body, []byte("no")) {
			return nil, fmt.Errorf("putting: %w", codedError(7))
		}
		key, value, ok := bytes.Cut(body, []byte("="))
		if !ok {
			return nil, errors.New("no equals sign")
		}
		old := b.Get(key)
		return old, b.Put(key, value)
	case kindDelete:
		return nil, b.Delete(body)
	case kindCount:
		n, err := b.NextSequence()
		return binary.BigEndian.AppendUint64(nil, n), err
	case kindNest:
		path, value, _ := bytes.Cut(body, []byte("="))
		name, key, _ := bytes.Cut(path, []byte("/"))
		in, err := b.CreateBucketIfNotExists(name)
		if err != nil {
			return nil, err
		}
		if _, err := in.NextSequence(); err != nil {
			return nil, err
		}
		return nil, in.Put(key, value)
	case kindPanic:
		panic("a bug in the table")
	default:
		return nil, b.Put(id[:], binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano())))
	}
}

func kvSpec() fsm.Spec {
	return fsm.Spec{Name: "kv", Kinds: []fsm.Kind{kindPut, kindDelete, kindCount, kindNest, kindPanic, kindID}, MaxVersion: 2, Table: kv{}}
}

func command(kind fsm.Kind, body string) fsm.Command {
	return fsm.Command{Kind: kind, Version: 1, At: time.Unix(1_700_000_000, 5).UTC(), ID: [16]byte{1, 2, 3}, Body: []byte(body)}
}

func put(key, value string) fsm.Command { return command(kindPut, key+"="+value) }

// script reaches every kind, with refusals, nesting and overwriting.
func script() []fsm.Command {
	var cmds []fsm.Command
	for i := range 600 {
		cmds = append(cmds, put(fmt.Sprintf("key%03d", i*7%500), fmt.Sprintf("value %d", i)))
		switch i % 5 {
		case 0:
			cmds = append(cmds, command(kindCount, ""))
		case 1:
			cmds = append(cmds, command(kindNest, fmt.Sprintf("bucket%d/key%d=%d", i%3, i, i)))
		case 2:
			cmds = append(cmds, command(kindDelete, fmt.Sprintf("key%03d", i)))
		case 3:
			cmds = append(cmds, command(kindPut, "no good=1"), command(kindPut, "nothing"))
		case 4:
			c := command(kindID, "")
			c.ID[0] = byte(i)
			cmds = append(cmds, c)
		}
	}
	return cmds
}

func get(t testing.TB, f *fsm.FSM, key string) string {
	t.Helper()
	var value string
	err := f.View(func(tx *bbolt.Tx) error {
		value = string(tx.Bucket([]byte("kv")).Get([]byte(key)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestRoundTrip(t *testing.T) {
	results := fsmtest.RoundTrip(t, kvSpec(), script()...)
	refused := 0
	for _, r := range results {
		var ref *fsm.Refusal
		if errors.As(r.Err, &ref) {
			refused++
		}
	}
	if refused != 240 {
		t.Fatalf("%d refusals, want 240", refused)
	}
}
