package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The control stream carries messages of one shape, all sealed:
//
//	type(1) length(2, big endian, <= 320) body(length)
//
//	1 hello    version(1)=1 flags(1) instance(16) serial(8) address length(1) address   dialler → acceptor, then the reply
//	2 retire   count(8)     the sender will open no more streams; it has opened count in all
//	3 drained  empty        every stream of a retired connection has ended at the sender
//	4 promote  empty        the connection that was to wait is used after all
//
// The hello is the first message each way. A reader ignores message types it does not know, and bytes of a hello after
// the address, so that later versions may add to both.
const (
	messageHello   = 1
	messageRetire  = 2
	messageDrained = 3
	messagePromote = 4

	helloVersion  = 1
	instanceBytes = 16
	helloFixed    = 2 + instanceBytes + 8 + 1 // bytes of a hello's body before the address
)

// Flags of a hello.
const (
	// helloReplaces (dialler): whatever connection of ours you still know is lost to us.
	helloReplaces = 1 << 0
	// helloWait (acceptor): I am dialling you, or have just done so, and that connection goes first; use this one only
	// if the other does not come.
	helloWait = 1 << 1
)

// hello introduces a running process to its authenticated peer.
type hello struct {
	flags     byte
	instance  [instanceBytes]byte // random for each Transport: tells a restart from a second connection
	serial    uint64              // the dialler's count of its dials: of two connections it dialled the later is used
	advertise string              // where the sender says it listens; used only inside one site
}

var (
	errControlSize = errors.New("control message too long")
	errHelloShort  = errors.New("hello too short")
)

// appendHello encodes a hello as a whole control message.
func appendHello(b []byte, h hello) []byte {
	body := helloFixed + len(h.advertise)
	b = append(b, messageHello)
	b = binary.BigEndian.AppendUint16(b, uint16(body))
	b = append(b, helloVersion, h.flags)
	b = append(b, h.instance[:]...)
	b = binary.BigEndian.AppendUint64(b, h.serial)
	b = append(b, byte(len(h.advertise)))
	return append(b, h.advertise...)
}

// parseHello decodes the body of a hello.
func parseHello(body []byte) (hello, error) {
	var h hello
	if len(body) < helloFixed {
		return h, fmt.Errorf("%w: %d of %d bytes", errHelloShort, len(body), helloFixed)
	}
	if body[0] != helloVersion {
		return h, fmt.Errorf("hello version %d, this build speaks %d", body[0], helloVersion)
	}
	h.flags = body[1]
	copy(h.instance[:], body[2:])
	h.serial = binary.BigEndian.Uint64(body[2+instanceBytes:])
	n := int(body[helloFixed-1])
	if len(body) < helloFixed+n {
		return h, fmt.Errorf("%w: address of %d bytes at offset %d, %d left", errHelloShort, n, helloFixed, len(body)-helloFixed)
	}
	h.advertise = string(body[helloFixed : helloFixed+n])
	return h, nil
}

// appendRetire encodes a retire message.
func appendRetire(b []byte, count uint64) []byte {
	b = append(b, messageRetire, 0, 8)
	return binary.BigEndian.AppendUint64(b, count)
}

// appendEmpty encodes a message without a body.
func appendEmpty(b []byte, kind byte) []byte { return append(b, kind, 0, 0) }

// readControl reads one control message into buf, which holds controlMessageMax bytes, and returns its type and body.
func readControl(r io.Reader, buf []byte) (kind byte, body []byte, err error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(head[1:]))
	if n > len(buf) {
		return 0, nil, fmt.Errorf("%w: %d bytes, at most %d", errControlSize, n, len(buf))
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return 0, nil, err
	}
	return head[0], buf[:n], nil
}
