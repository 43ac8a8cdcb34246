package upload

import (
	"encoding/binary"
	"fmt"
	"time"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// A stored record is a header in clear and the sealed payload, big endian:
//
//	version(1)=1 id(16) at(8) ingest(8) received(8) size(4) n(1) type(n) sealed(…)
//
// at is the event's time, ingest when the origin's ledger took it, received when this site's
// did (all ns since 1970 UTC); size is the payload's before sealing.
const (
	storedVersion  = 1
	offID          = 1
	offIngest      = offID + wire.IDBytes + 8
	offReceived    = offIngest + 8
	offSize        = offReceived + 8
	offType        = offSize + 4
	storedBytesMax = offType + 1 + wire.RecordTypeBytesMax + wire.RecordPayloadBytesMax + sealBytesMax
	// sealBytesMax is room for what sealing adds.
	sealBytesMax = 256
)

// Sealer seals payloads with the site's data key; *gmcrypto.Sealer satisfies it. Both append to
// dst.
type Sealer interface {
	Seal(dst, plaintext, aad []byte) []byte
	Open(dst, sealed, aad []byte) ([]byte, error)
}

// Header is what of a record lies in clear.
type Header struct {
	ID       [wire.IDBytes]byte
	Type     string
	At       time.Time // event
	Ingest   time.Time // taken by the origin's ledger
	Received time.Time // taken by this site's ledger; equal to Ingest at the origin
	Size     int       // payload bytes
}

// LaneKey names a sequence.
type LaneKey struct {
	Origin identity.Site
	Epoch  uint32
	Class  wire.Class
}

// String is for logs and errors.
func (k LaneKey) String() string { return fmt.Sprintf("%s/%d/%d", k.Origin, k.Epoch, k.Class) }

// Position names a record for ever.
type Position struct {
	LaneKey
	Seq uint64
}

// Entry is a stored record with its place.
type Entry struct {
	Position
	Header
	sealed []byte
}

// Payload opens the sealed payload.
func (e *Entry) Payload(s Sealer) ([]byte, error) {
	p, err := s.Open(make([]byte, 0, e.Size), e.sealed, recordAAD(e.Origin, e.Class, e.ID[:]))
	if err != nil {
		return nil, fmt.Errorf("opening record %s/%d: %w", e.LaneKey, e.Seq, err)
	}
	return p, nil
}

// Record opens the entry into its wire form, with its lane.
func (e *Entry) Record(s Sealer) (*wire.Record, error) {
	r, err := e.bare(s)
	if err != nil {
		return nil, err
	}
	r.Origin, r.Epoch, r.Class, r.Seq = string(e.Origin), e.Epoch, e.Class, e.Seq
	return r, nil
}

// bare is Record without the lane, as it travels inside a batch.
func (e *Entry) bare(s Sealer) (*wire.Record, error) {
	p, err := e.Payload(s)
	if err != nil {
		return nil, err
	}
	return &wire.Record{Id: e.ID[:], Type: e.Type, At: e.At.UnixNano(), Ingest: e.Ingest.UnixNano(), Payload: p}, nil
}

// recordAAD binds a sealed payload to its record: n(1) origin(n) class(1) id(16).
func recordAAD(origin identity.Site, class wire.Class, id []byte) []byte {
	b := make([]byte, 0, 2+len(origin)+wire.IDBytes)
	b = appendStr8(b, string(origin))
	b = append(b, byte(class))
	return append(b, id...)
}

// appendStored appends the stored form of r, without ingest and received, which the table
// stamps where they are missing.
func appendStored(b []byte, s Sealer, origin identity.Site, class wire.Class, r *wire.Record) []byte {
	b = append(b, storedVersion)
	b = append(b, r.GetId()...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.GetAt()))
	b = binary.BigEndian.AppendUint64(b, uint64(r.GetIngest()))
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.GetPayload())))
	b = appendStr8(b, r.GetType())
	return s.Seal(b, r.GetPayload(), recordAAD(origin, class, r.GetId()))
}

// parseStored reads a stored record; the sealed part aliases b.
func parseStored(b []byte) (h Header, sealed []byte, err error) {
	if len(b) > storedBytesMax {
		return h, nil, fmt.Errorf("stored record: %d bytes, at most %d", len(b), storedBytesMax)
	}
	r := reader{b: b}
	if v := r.u8("version"); r.err == nil && v != storedVersion {
		return h, nil, fmt.Errorf("stored record: version %d is not known here: upgrade this node", v)
	}
	copy(h.ID[:], r.take(wire.IDBytes, "id"))
	h.At = time.Unix(0, int64(r.u64("at")))
	h.Ingest = time.Unix(0, int64(r.u64("ingest")))
	h.Received = time.Unix(0, int64(r.u64("received")))
	h.Size = int(r.u32("size"))
	h.Type = r.str8("type")
	if r.err != nil {
		return h, nil, fmt.Errorf("stored record: %w", r.err)
	}
	if h.Type == "" || len(h.Type) > wire.RecordTypeBytesMax {
		return h, nil, fmt.Errorf("stored record: type of %d bytes", len(h.Type))
	}
	if h.Size > wire.RecordPayloadBytesMax || h.Size > len(b)-r.off {
		return h, nil, fmt.Errorf("stored record: size %d, with %d sealed bytes", h.Size, len(b)-r.off)
	}
	return h, b[r.off:], nil
}

// stamp writes the times only a ledger knows into a stored record: received always, ingest
// where the origin's own ledger is the one.
func stamp(stored []byte, at time.Time, origin bool) {
	binary.BigEndian.PutUint64(stored[offReceived:], uint64(at.UnixNano()))
	if origin {
		binary.BigEndian.PutUint64(stored[offIngest:], uint64(at.UnixNano()))
	}
}
