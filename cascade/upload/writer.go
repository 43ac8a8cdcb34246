package upload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// WriterConfig is what a Writer needs; every field is required.
type WriterConfig struct {
	Origin   identity.Site // this site
	Proposer Proposer
	Sealer   Sealer
}

// Writer appends the site's own records to its outbox.
type Writer struct{ cfg WriterConfig }

// NewWriter returns a Writer.
func NewWriter(cfg WriterConfig) (*Writer, error) {
	if cfg.Origin == "" || cfg.Proposer == nil || cfg.Sealer == nil {
		return nil, errors.New("upload writer: origin, proposer and sealer are required")
	}
	return &Writer{cfg}, nil
}

// Append commits own records and returns their places, in order. Class, id, type, at and
// payload are the caller's; origin, epoch, sequence and ingest time are the ledger's.
//
// It may be repeated with the same ids after any error, also one of unknown outcome, for ever:
// a record already taken keeps the place it got. Records go into the ledger in commands of up
// to 1024; when a later command fails, the places of the earlier ones are returned with the
// error.
func (w *Writer) Append(ctx context.Context, records []*wire.Record) ([]Position, error) {
	for i, r := range records {
		if err := r.CheckOwn(); err != nil {
			return nil, fmt.Errorf("appending record %d: %w", i, err)
		}
	}
	places := make([]Position, 0, len(records))
	for len(records) > 0 {
		body, n := w.body(records)
		value, err := w.cfg.Proposer.Propose(ctx, KindAppend, [16]byte{}, body)
		if err != nil {
			return places, fmt.Errorf("appending %d records: %w", n, err)
		}
		r := reader{b: value}
		for _, rec := range records[:n] {
			k := LaneKey{Origin: w.cfg.Origin, Epoch: r.u32("epoch"), Class: rec.Class}
			places = append(places, Position{k, r.u64("seq")})
		}
		if err := r.end(); err != nil {
			return places[:len(places)-n], fmt.Errorf("appending %d records: value: %w", n, err)
		}
		records = records[n:]
	}
	return places, nil
}

// body seals as many of the records as one command takes, at least one.
func (w *Writer) body(records []*wire.Record) ([]byte, int) {
	size := 0
	for _, r := range records[:min(len(records), commandRecordsMax)] {
		size += len(r.Payload) + offType + len(r.Type) + 70
	}
	b := appendStr8(make([]byte, 0, min(size, commandBytesMax)+storedBytesMax/8), string(w.cfg.Origin))
	countAt := len(b)
	b = append(b, 0, 0)
	n := 0
	for _, r := range records {
		if n == commandRecordsMax || n > 0 && len(b)+len(r.Payload)+storedBytesMax-wire.RecordPayloadBytesMax > commandBytesMax {
			break
		}
		b = append(b, byte(r.Class))
		lenAt := len(b)
		b = append(b, 0, 0, 0, 0)
		b = appendStored(b, w.cfg.Sealer, w.cfg.Origin, r.Class, r)
		binary.BigEndian.PutUint32(b[lenAt:], uint32(len(b)-lenAt-4))
		n++
	}
	binary.BigEndian.PutUint16(b[countAt:], uint16(n))
	return b, n
}
