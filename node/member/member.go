package member

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"fengsui/gmcrypto/identity"
)

// Limits.
const (
	frameBytesMax = 4 << 10
	helloTimeout  = 5 * time.Second
	replyTimeout  = 20 * time.Second
)

// opJoin is the one operation so far.
const opJoin = "join"

// Codes of a reply.
const (
	codeOK      = "ok"
	codeRefused = "refused"
	codeRetry   = "retry"
)

// ErrRefused means the site will not take this node in.
var ErrRefused = errors.New("the site refuses this node")

type request struct {
	Op   string `json:"op"`
	Node string `json:"node,omitempty"`
	Addr string `json:"addr,omitempty"`
}

type reply struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"`
}

// Handler answers the other nodes of the site.
type Handler struct {
	// Join takes the node into the cluster at the address, or updates its address. ErrRefused means that asking again is of no use; any other
	// error may pass.
	Join func(ctx context.Context, node, addr string) error
}

// Serve answers one stream and closes it.
func (h *Handler) Serve(ctx context.Context, conn net.Conn, peer identity.Peer) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	var req request
	if err := readFrame(conn, &req); err != nil {
		return fmt.Errorf("read request of %s: %w", peer, err)
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clear deadline: %w", err)
	}
	if req.Op != opJoin {
		return writeFrame(conn, reply{Code: codeRefused, Text: "unknown operation: is this node of a newer version?"})
	}
	return writeFrame(conn, h.join(ctx, req, peer))
}

func (h *Handler) join(ctx context.Context, req request, peer identity.Peer) reply {
	if req.Node != peer.Node {
		return reply{Code: codeRefused, Text: "a node may ask for itself only"}
	}
	if _, _, err := net.SplitHostPort(req.Addr); err != nil {
		return reply{Code: codeRefused, Text: "the address is not host:port"}
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout-time.Second)
	defer cancel()
	err := h.Join(ctx, req.Node, req.Addr)
	switch {
	case err == nil:
		return reply{Code: codeOK}
	case errors.Is(err, ErrRefused):
		return reply{Code: codeRefused, Text: err.Error()}
	}
	return reply{Code: codeRetry, Text: err.Error()}
}

// Join asks over conn to be taken in as node at addr, and closes conn.
func Join(ctx context.Context, conn net.Conn, node, addr string) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(replyTimeout)); err != nil {
		return fmt.Errorf("set deadline: %w", err)
	}
	if err := writeFrame(conn, request{Op: opJoin, Node: node, Addr: addr}); err != nil {
		return fmt.Errorf("ask to join: %w", err)
	}
	var rep reply
	if err := readFrame(conn, &rep); err != nil {
		return fmt.Errorf("read the answer to join: %w", err)
	}
	switch rep.Code {
	case codeOK:
		return nil
	case codeRefused:
		return fmt.Errorf("%w: %s", ErrRefused, rep.Text)
	}
	return fmt.Errorf("join: %s", rep.Text)
}

func writeFrame(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if len(b) > frameBytesMax {
		return fmt.Errorf("encode: %d bytes, at most %d", len(b), frameBytesMax)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	return err
}

func readFrame(r io.Reader, v any) error {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint16(head[:])
	if n > frameBytesMax {
		return fmt.Errorf("frame of %d bytes, at most %d", n, frameBytesMax)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("frame of %d bytes: %w", n, err)
	}
	return nil
}
