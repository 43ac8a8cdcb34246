package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"fengsui/federation/fsm"
)

// The forward protocol: a node that is not the leader asks the leader. One stream, any
// number of exchanges one after the other. Big-endian. A request and an answer look alike:
//
//	0  u8   protocol, 1
//	1  u8   request: operation; answer: status
//	2  u32  length of the payload, at most 18 MiB
//	6  payload
//
// Request payloads:
//
//	1 propose     u16 number of entries, each u32 length + fsm entry
//	2 read index  empty
//	3 add voter   string node, string address
//	4 remove      string node
//	5 servers     empty
//	6 progress    empty; answered by any node
//
// Answer payloads: ok: propose = fsm results; read index, progress = u64 index; servers =
// u16 count, each string node, string address, u8 flags (1 voter, 2 leader); else empty.
// Other statuses: a string for people. string = u16 length (at most 1024) + UTF-8.
const (
	protocol   = 1
	frameBytes = 6
)

type operation byte

const (
	opPropose   operation = 1
	opReadIndex operation = 2
	opAddVoter  operation = 3
	opRemove    operation = 4
	opServers   operation = 5
	opProgress  operation = 6
)

type status byte

const (
	statusOK       status = 0
	statusNoLeader status = 1 // no effect: the asked node does not lead
	statusUnknown  status = 2 // the outcome is unknown
	statusInvalid  status = 3 // no effect: wrong in itself
	statusLowSpace status = 4 // no effect: the leader's disk is nearly full
)

// errProtocol is wrapped by errors about a peer's bytes.
var errProtocol = errors.New("the peer does not speak the forward protocol")

// writeFrame sends one frame in one Write.
func writeFrame(w io.Writer, code byte, payload []byte) error {
	if len(payload) > frameBytesMax {
		return fmt.Errorf("sending %d bytes, at most %d", len(payload), frameBytesMax)
	}
	b := make([]byte, 0, frameBytes+len(payload))
	b = append(b, protocol, code)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	_, err := w.Write(append(b, payload...))
	return err
}

// readFrame reads one frame. A clean end before its first byte is io.EOF.
func readFrame(r io.Reader) (code byte, payload []byte, err error) {
	var head [frameBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[2:])
	if head[0] != protocol || n > frameBytesMax {
		return 0, nil, fmt.Errorf("%w: version %d, payload of %d bytes", errProtocol, head[0], n)
	}
	if n <= frameEagerBytesMax {
		payload = make([]byte, n)
		if _, err := io.ReadFull(r, payload); err != nil {
			return 0, nil, noEOF(err)
		}
		return head[1], payload, nil
	}
	var buf bytes.Buffer // memory grows only as bytes arrive
	if _, err := io.CopyN(&buf, r, int64(n)); err != nil {
		return 0, nil, noEOF(err)
	}
	return head[1], buf.Bytes(), nil
}

// noEOF marks an end in the middle of a frame.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cursor takes fields from a payload; the first failure sticks.
type cursor struct {
	b   []byte
	off int
	err error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n > len(c.b)-c.off {
		if c.err == nil {
			c.err = fmt.Errorf("%w: payload ends at offset %d where %d bytes are expected", errProtocol, c.off, n)
		}
		return nil
	}
	out := c.b[c.off : c.off+n : c.off+n]
	c.off += n
	return out
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() int {
	if b := c.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) u32() int {
	if b := c.take(4); b != nil {
		return int(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) text() string {
	n := c.u16()
	if c.err == nil && n > textBytesMax {
		c.err = fmt.Errorf("%w: text of %d bytes at offset %d, at most %d", errProtocol, n, c.off, textBytesMax)
	}
	return string(c.take(n))
}

// end returns the first failure, or one about bytes left over.
func (c *cursor) end() error {
	if c.err == nil && c.off != len(c.b) {
		c.err = fmt.Errorf("%w: %d bytes left over at offset %d", errProtocol, len(c.b)-c.off, c.off)
	}
	return c.err
}

func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), textBytesMax)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

func encodeProposal(cmds []fsm.Command) ([]byte, error) {
	b := binary.BigEndian.AppendUint16(nil, 0)
	count := uint16(0)
	for len(cmds) > 0 {
		n := entryLen(cmds)
		entry, err := fsm.EncodeEntry(cmds[:n])
		if err != nil {
			return nil, err
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(entry)))
		b = append(b, entry...)
		count++
		cmds = cmds[n:]
	}
	binary.BigEndian.PutUint16(b, count)
	return b, nil
}

func decodeProposal(b []byte) ([]fsm.Command, error) {
	c := cursor{b: b}
	var all []fsm.Command
	for range c.u16() {
		entry := c.take(c.u32())
		if c.err != nil {
			return nil, c.err
		}
		cmds, err := fsm.DecodeEntry(entry)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errProtocol, err)
		}
		if all = append(all, cmds...); len(all) > callCommandsMax {
			return nil, fmt.Errorf("%w: more than %d commands", errProtocol, callCommandsMax)
		}
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no commands", errProtocol)
	}
	return all, nil
}

// Server is one node of the site as the replicated configuration has it.
type Server struct {
	Node    string
	Address string
	Voter   bool // false: it receives the log but does not count for the quorum yet
	Leader  bool
}

func encodeServers(list []Server) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(list)))
	for _, s := range list {
		b = appendText(b, s.Node)
		b = appendText(b, s.Address)
		flags := byte(0)
		if s.Voter {
			flags |= 1
		}
		if s.Leader {
			flags |= 2
		}
		b = append(b, flags)
	}
	return b
}

func decodeServers(b []byte) ([]Server, error) {
	c := cursor{b: b}
	n := c.u16()
	if n > serversMax {
		return nil, fmt.Errorf("%w: %d servers, at most %d", errProtocol, n, serversMax)
	}
	list := make([]Server, n)
	for i := range list {
		list[i] = Server{Node: c.text(), Address: c.text()}
		flags := c.u8()
		list[i].Voter, list[i].Leader = flags&1 != 0, flags&2 != 0
	}
	return list, c.end()
}
