package fsm

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// Kind is a command's number. Numbers never change meaning; node/state lists them all.
type Kind uint16

// FlagIgnoreUnknown lets a replica that does not know a command's kind skip it. Without
// it such a replica stops, because guessing would make its state differ from the others'.
const FlagIgnoreUnknown uint8 = 1 << 0

// FlagReserve lets a command be proposed when the leader's disk is nearly full: for what
// frees space or must not wait. Applying it is no different.
const FlagReserve uint8 = 1 << 1

// Command is one change of the replicated state, complete in itself: applying it needs
// no clock, no randomness and no configuration.
type Command struct {
	Kind    Kind
	Version uint8     // of the body's layout, chosen by the owner of the kind
	Flags   uint8     // FlagIgnoreUnknown, FlagReserve; other bits are kept and mean nothing
	At      time.Time // stamped by the proposer, nanosecond precision, UTC after decoding
	ID      [16]byte  // stamped by the proposer; a retry carries the same one
	Body    []byte    // opaque here, at most BodyBytesMax
}

// Result is what a table answered to one command.
type Result struct {
	Value []byte // nil when the table returned none
	Err   error  // nil, or a *Refusal: the command had no effect
}

// Entry layout, big-endian (see DESIGN.md):
//
//	0  u8   format, 1
//	1  u8   reserved, 0
//	2  u16  number of commands, 1..256
//	4  commands, each: u16 kind, u8 version, u8 flags, i64 at, 16 B id, u32 body length, body
//	…  u32  CRC-32C of everything before it
const (
	entryFormat      = 1
	entryHeaderBytes = 4
	entryTailBytes   = 4
	// CommandOverheadBytes is what a command costs in an entry beyond its body.
	CommandOverheadBytes = 2 + 1 + 1 + 8 + 16 + 4
	// noTime encodes the zero time.Time, which has no Unix nanoseconds.
	noTime = math.MinInt64
)

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// EncodedLen is the number of bytes the command takes in an entry.
func (c *Command) EncodedLen() int { return CommandOverheadBytes + len(c.Body) }

// EncodeEntry encodes 1..EntryCommandsMax commands as one log entry. It refuses what
// DecodeEntry would refuse.
func EncodeEntry(cmds []Command) ([]byte, error) {
	if len(cmds) == 0 || len(cmds) > EntryCommandsMax {
		return nil, fmt.Errorf("encoding a log entry: %d commands, want 1 to %d", len(cmds), EntryCommandsMax)
	}
	n := entryHeaderBytes + entryTailBytes
	for i := range cmds {
		if len(cmds[i].Body) > BodyBytesMax {
			return nil, fmt.Errorf("encoding a log entry: body of %d bytes in command %d, at most %d", len(cmds[i].Body), i, BodyBytesMax)
		}
		n += cmds[i].EncodedLen()
	}
	if n > EntryBytesMax {
		return nil, fmt.Errorf("encoding a log entry: %d bytes, at most %d", n, EntryBytesMax)
	}
	b := make([]byte, 0, n)
	b = append(b, entryFormat, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(cmds)))
	for i := range cmds {
		at, err := encodeTime(cmds[i].At)
		if err != nil {
			return nil, fmt.Errorf("encoding a log entry: command %d: %w", i, err)
		}
		b = appendCommand(b, &cmds[i], at)
	}
	return binary.BigEndian.AppendUint32(b, castagnoli(b)), nil
}

func appendCommand(b []byte, c *Command, at int64) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(c.Kind))
	b = append(b, c.Version, c.Flags)
	b = binary.BigEndian.AppendUint64(b, uint64(at))
	b = append(b, c.ID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(c.Body)))
	return append(b, c.Body...)
}

func encodeTime(t time.Time) (int64, error) {
	if t.IsZero() {
		return noTime, nil
	}
	ns := t.UnixNano()
	if y := t.Year(); y < 1678 || y > 2261 {
		return 0, fmt.Errorf("time %s cannot be written in nanoseconds", t.Format(time.RFC3339))
	}
	return ns, nil
}

func decodeTime(ns int64) time.Time {
	if ns == noTime {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// DecodeEntry decodes one log entry. Bodies alias b. Every error wraps ErrCorrupt or
// ErrTooNew and names the offset.
func DecodeEntry(b []byte) ([]Command, error) {
	switch {
	case len(b) < entryHeaderBytes+entryTailBytes:
		return nil, fmt.Errorf("log entry of %d bytes: %w: too short", len(b), ErrCorrupt)
	case len(b) > EntryBytesMax:
		return nil, fmt.Errorf("log entry of %d bytes: %w: longer than %d", len(b), ErrCorrupt, EntryBytesMax)
	case castagnoli(b[:len(b)-entryTailBytes]) != binary.BigEndian.Uint32(b[len(b)-entryTailBytes:]):
		return nil, fmt.Errorf("log entry of %d bytes: %w: checksum differs", len(b), ErrCorrupt)
	case b[0] != entryFormat || b[1] != 0:
		return nil, fmt.Errorf("log entry format %d.%d, this version reads %d.0: %w", b[0], b[1], entryFormat, ErrTooNew)
	}
	count := int(binary.BigEndian.Uint16(b[2:]))
	body := b[:len(b)-entryTailBytes]
	if count == 0 || count > EntryCommandsMax || count*CommandOverheadBytes > len(body)-entryHeaderBytes {
		return nil, fmt.Errorf("log entry: %w: %d commands in %d bytes at offset 2", ErrCorrupt, count, len(b))
	}
	cmds := make([]Command, count)
	off := entryHeaderBytes
	for i := range cmds {
		n, err := decodeCommand(&cmds[i], body[off:])
		if err != nil {
			return nil, fmt.Errorf("log entry: command %d of %d at offset %d: %w", i, count, off, err)
		}
		off += n
	}
	if off != len(body) {
		return nil, fmt.Errorf("log entry: %w: %d bytes after the last command, at offset %d", ErrCorrupt, len(body)-off, off)
	}
	return cmds, nil
}

func decodeCommand(c *Command, b []byte) (int, error) {
	if len(b) < CommandOverheadBytes {
		return 0, fmt.Errorf("%w: %d bytes left, a command has at least %d", ErrCorrupt, len(b), CommandOverheadBytes)
	}
	n := int(binary.BigEndian.Uint32(b[28:]))
	if n > BodyBytesMax || n > len(b)-CommandOverheadBytes {
		return 0, fmt.Errorf("%w: body of %d bytes where %d are left", ErrCorrupt, n, len(b)-CommandOverheadBytes)
	}
	end := CommandOverheadBytes + n
	*c = Command{
		Kind:    Kind(binary.BigEndian.Uint16(b)),
		Version: b[2],
		Flags:   b[3],
		At:      decodeTime(int64(binary.BigEndian.Uint64(b[4:]))),
		ID:      [16]byte(b[12:28]),
		Body:    b[CommandOverheadBytes:end:end],
	}
	return end, nil
}
