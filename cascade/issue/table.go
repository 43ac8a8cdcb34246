package issue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
)

// Command kinds of the table. The numbers are a file format.
const (
	KindStage  uint16 = 300 // a piece of a body that does not fit into one command
	KindCommit uint16 = 301 // a document
	KindStates uint16 = 302 // what nodes did with documents
)

// Kinds lists the table's command kinds.
func Kinds() []uint16 { return []uint16{KindStage, KindCommit, KindStates} }

const (
	commandVersion = 1
	historyMax     = 8             // versions kept of a document, the newest included
	stagedFor      = 2 * time.Hour // after which the pieces of a body that was never committed go
)

// Keys of the bucket. A document key is issuer 0 kind 0 name 0; numbers are big endian.
//
//	d document version(8)        StoredDocument
//	p bodyID(16) index(4)        a sealed piece of a body
//	b bodyID(16)                 when it was first staged, ns(8): only until it is committed
//	s document site 0 node       StoredState
//	c change(8)                  the key of the state that changed then; each state is named once
//	m child                      StateMark
//	g                            identity of the log of changes(16), last change(8)
const (
	prefixDocument = 'd'
	prefixPiece    = 'p'
	prefixStaged   = 'b'
	prefixState    = 's'
	prefixChange   = 'c'
	prefixMark     = 'm'
	prefixLog      = 'g'
)

var keyLog = []byte{prefixLog}

// Table holds the site's documents and what became of them at every node it knows of. It has
// no state of its own: all of it lies in the bucket.
type Table struct{}

// NewTable returns the table.
func NewTable() *Table { return &Table{} }

// Apply carries out one command. An error means the body was not one this program would write;
// nothing was changed then. What a program decides upon is in the value (CommitResult).
func (*Table) Apply(b *bbolt.Bucket, kind uint16, version uint8, at time.Time, id [16]byte, body []byte) ([]byte, error) {
	if version > commandVersion {
		return nil, fmt.Errorf("issue command %d has version %d, known up to %d: upgrade this node", kind, version, commandVersion)
	}
	switch kind {
	case KindStage:
		return nil, applyStage(b, at, body)
	case KindCommit:
		return applyCommit(b, at, id, body)
	case KindStates:
		return nil, applyStates(b, id, body)
	}
	return nil, fmt.Errorf("command kind %d does not belong to issue", kind)
}

func documentPrefix(k Key) []byte {
	b := append([]byte{prefixDocument}, k.Issuer...)
	b = append(append(append(b, 0), k.Kind...), 0)
	return append(append(b, k.Name...), 0)
}

func documentKey(k Key, version uint64) []byte {
	return binary.BigEndian.AppendUint64(documentPrefix(k), version)
}

func pieceKey(bodyID []byte, index uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{prefixPiece}, bodyID...), index)
}

func stagedKey(bodyID []byte) []byte { return append([]byte{prefixStaged}, bodyID...) }

func stateKey(k Key, site, node string) []byte {
	b := documentPrefix(k)
	b[0] = prefixState
	b = append(append(b, site...), 0)
	return append(b, node...)
}

func changeKey(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{prefixChange}, n) }

func applyStage(b *bbolt.Bucket, at time.Time, body []byte) error {
	var c wire.CommandStage
	if err := proto.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("stage command: %w", err)
	}
	if len(c.GetBodyId()) != wire.IDBytes || len(c.GetSealed()) == 0 {
		return errors.New("stage command: body id or piece missing")
	}
	if err := dropStale(b, at); err != nil {
		return err
	}
	if b.Get(stagedKey(c.GetBodyId())) == nil {
		if err := b.Put(stagedKey(c.GetBodyId()), binary.BigEndian.AppendUint64(nil, uint64(at.UnixNano()))); err != nil {
			return fmt.Errorf("noting staged body: %w", err)
		}
	}
	if err := b.Put(pieceKey(c.GetBodyId(), c.GetIndex()), c.GetSealed()); err != nil {
		return fmt.Errorf("writing piece: %w", err)
	}
	return nil
}

// dropStale removes bodies whose commit never came: a publisher or a link that broke off.
func dropStale(b *bbolt.Bucket, at time.Time) error {
	var stale [][]byte
	cur := b.Cursor()
	for k, v := cur.Seek([]byte{prefixStaged}); bytes.HasPrefix(k, []byte{prefixStaged}); k, v = cur.Next() {
		if len(v) == 8 && at.Sub(time.Unix(0, int64(binary.BigEndian.Uint64(v)))) > stagedFor {
			stale = append(stale, bytes.Clone(k[1:]))
		}
	}
	for _, id := range stale {
		if err := dropBody(b, id); err != nil {
			return err
		}
	}
	return nil
}

// dropBody removes a body's pieces.
func dropBody(b *bbolt.Bucket, bodyID []byte) error {
	keys := [][]byte{stagedKey(bodyID)}
	prefix := append([]byte{prefixPiece}, bodyID...)
	cur := b.Cursor()
	for k, _ := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = cur.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return fmt.Errorf("removing body: %w", err)
		}
	}
	return nil
}

func applyCommit(b *bbolt.Bucket, at time.Time, id [16]byte, body []byte) ([]byte, error) {
	var c wire.CommandCommit
	if err := proto.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("commit command: %w", err)
	}
	doc := c.GetDocument()
	if doc.GetHeader().GetVersion() == 0 || len(doc.GetBodyId()) != wire.IDBytes || len(c.GetSealed()) > int(doc.GetPieces()) {
		return nil, errors.New("commit command: document, body id or pieces missing")
	}
	key := KeyOf(doc.GetHeader())
	newest, err := newestOf(b, key)
	if err != nil {
		return nil, err
	}
	result := &wire.CommitResult{Code: wire.CodeOK, Newest: doc.GetHeader().GetVersion()}
	if newest != nil && newest.GetHeader().GetVersion() >= doc.GetHeader().GetVersion() {
		result.Newest = newest.GetHeader().GetVersion()
		result.Code = wire.CodeStaleVersion
		if result.Newest == doc.GetHeader().GetVersion() && bytes.Equal(newest.GetHeader().GetBodyDigest(), doc.GetHeader().GetBodyDigest()) {
			result.Code = wire.CodeDuplicate
		}
		return proto.Marshal(result)
	}
	if newest == nil && countDocuments(b) >= wire.DocumentsMax {
		result.Code, result.Newest = wire.CodeTooLarge, 0
		return proto.Marshal(result)
	}
	for i := len(c.GetSealed()); i < int(doc.GetPieces()); i++ {
		if b.Get(pieceKey(doc.GetBodyId(), uint32(i))) == nil {
			result.Code, result.Newest = wire.CodeConflict, newest.GetHeader().GetVersion()
			return proto.Marshal(result)
		}
	}
	if err := putDocument(b, key, doc, c.GetSealed(), at); err != nil {
		return nil, err
	}
	if Concerns(doc.GetHeader(), siteOf(c.GetSite())) {
		received := &wire.DocumentState{
			Issuer: string(key.Issuer), Kind: key.Kind, Name: key.Name, Version: doc.GetHeader().GetVersion(),
			Site: c.GetSite(), State: wire.StateReceived, At: at.UnixNano(),
		}
		if err := putState(b, id, &wire.StoredState{State: received}); err != nil {
			return nil, err
		}
	}
	return proto.Marshal(result)
}

// putDocument writes a document with its pieces and forgets the oldest version beyond the history.
func putDocument(b *bbolt.Bucket, key Key, doc *wire.StoredDocument, sealed [][]byte, at time.Time) error {
	for i, piece := range sealed {
		if err := b.Put(pieceKey(doc.GetBodyId(), uint32(i)), piece); err != nil {
			return fmt.Errorf("writing piece: %w", err)
		}
	}
	if err := b.Delete(stagedKey(doc.GetBodyId())); err != nil {
		return fmt.Errorf("clearing staged body: %w", err)
	}
	doc.Received = at.UnixNano()
	v, err := proto.MarshalOptions{Deterministic: true}.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encoding document: %w", err)
	}
	if err := b.Put(documentKey(key, doc.GetHeader().GetVersion()), v); err != nil {
		return fmt.Errorf("writing document: %w", err)
	}
	versions, err := versionsOf(b, key)
	if err != nil {
		return err
	}
	for len(versions) > historyMax {
		if err := dropBody(b, versions[0].GetBodyId()); err != nil {
			return err
		}
		if err := b.Delete(documentKey(key, versions[0].GetHeader().GetVersion())); err != nil {
			return fmt.Errorf("forgetting an old version: %w", err)
		}
		versions = versions[1:]
	}
	return nil
}

func applyStates(b *bbolt.Bucket, id [16]byte, body []byte) error {
	var c wire.CommandStates
	if err := proto.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("states command: %w", err)
	}
	if c.GetChild() != "" && len(c.GetLog()) != wire.IDBytes {
		return errors.New("states command: a child's report without its log")
	}
	for _, s := range c.GetStates() {
		if s.GetState().GetSite() == "" || s.GetState().GetState() == 0 {
			return errors.New("states command: a state without site or value")
		}
	}
	for _, s := range c.GetStates() {
		if err := putState(b, id, s); err != nil {
			return err
		}
	}
	if c.GetChild() == "" {
		return nil
	}
	mark, err := markOf(b, siteOf(c.GetChild()))
	if err != nil {
		return err
	}
	if bytes.Equal(mark.GetLog(), c.GetLog()) && mark.GetThrough() >= c.GetThrough() {
		return nil
	}
	v, err := proto.MarshalOptions{Deterministic: true}.Marshal(&wire.StateMark{Log: c.GetLog(), Through: c.GetThrough()})
	if err != nil {
		return fmt.Errorf("encoding mark: %w", err)
	}
	if err := b.Put(append([]byte{prefixMark}, c.GetChild()...), v); err != nil {
		return fmt.Errorf("writing mark: %w", err)
	}
	return nil
}

// putState keeps the newer of two states about the same place and numbers the change. A state
// of a document or version that is not held here is of no interest to anybody above.
func putState(b *bbolt.Bucket, id [16]byte, s *wire.StoredState) error {
	state := s.GetState()
	key := KeyOf(state)
	newest, err := newestOf(b, key)
	if err != nil {
		return err
	}
	if newest == nil || state.GetVersion() > newest.GetHeader().GetVersion() {
		return nil
	}
	at := stateKey(key, state.GetSite(), state.GetNode())
	old, err := getState(b, at)
	if err != nil {
		return err
	}
	if old != nil {
		was := old.GetState()
		if was.GetVersion() > state.GetVersion() || was.GetVersion() == state.GetVersion() && was.GetAt() >= state.GetAt() {
			return nil
		}
		if err := b.Delete(changeKey(old.GetChange())); err != nil {
			return fmt.Errorf("renumbering state: %w", err)
		}
	}
	log, last, err := logOf(b)
	if err != nil {
		return err
	}
	if log == ([16]byte{}) {
		log = id
	}
	last++
	kept := proto.CloneOf(s)
	kept.Change = last
	v, err := proto.MarshalOptions{Deterministic: true}.Marshal(kept)
	if err != nil {
		return fmt.Errorf("encoding state: %w", err)
	}
	for _, put := range [][2][]byte{{at, v}, {changeKey(last), at}, {keyLog, binary.BigEndian.AppendUint64(log[:], last)}} {
		if err := b.Put(put[0], put[1]); err != nil {
			return fmt.Errorf("writing state: %w", err)
		}
	}
	return nil
}
