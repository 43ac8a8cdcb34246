package register

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
)

// HeartbeatConfig is what a Heartbeat needs. All fields are required but OnReply.
type HeartbeatConfig struct {
	// Open returns a new stream to the parent site; it may block until there is a link.
	Open func(ctx context.Context) (net.Conn, error)
	// Summary returns what this site knows of its subtree, itself first; see Subtree.
	Summary func() (*wire.Summary, error)
	// OnReply is told each answer: the parent's present nodes, for the record of the parent.
	OnReply func(*wire.HeartbeatReply)
	Logger  *slog.Logger
}

// Heartbeat keeps a session with the parent: the child's side of the link state.
type Heartbeat struct {
	cfg   HeartbeatConfig
	mu    sync.Mutex
	state HeartbeatState
}

// HeartbeatState is how the session with the parent stands.
type HeartbeatState struct {
	Connected bool
	Since     time.Time     // of Connected
	Last      time.Time     // last answer
	RoundTrip time.Duration // of the last answer
	Offset    time.Duration // parent's clock minus ours, estimated by the last answer
	Err       error         // why the last session ended
}

// NewHeartbeat returns a Heartbeat; nothing runs before Run.
func NewHeartbeat(cfg HeartbeatConfig) (*Heartbeat, error) {
	if cfg.Open == nil || cfg.Summary == nil || cfg.Logger == nil {
		return nil, errors.New("heartbeat: open, summary and logger are required")
	}
	if cfg.OnReply == nil {
		cfg.OnReply = func(*wire.HeartbeatReply) {}
	}
	return &Heartbeat{cfg: cfg}, nil
}

// State returns how the session stands.
func (h *Heartbeat) State() HeartbeatState {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Run keeps a session until ctx ends, and then returns nil.
func (h *Heartbeat) Run(ctx context.Context) error {
	wire.Keep(ctx, func(ctx context.Context) (bool, error) {
		answered, err := h.session(ctx)
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.state.Connected {
			h.state.Connected, h.state.Since = false, time.Now()
		}
		h.state.Err = err
		return answered, err
	}, func(err error) {
		if !wire.Ended(err) {
			h.cfg.Logger.Warn("heartbeat: session ended, will open another", "err", err)
		}
	})
	return nil
}

func (h *Heartbeat) session(ctx context.Context) (answered bool, err error) {
	conn, err := h.cfg.Open(ctx)
	if err != nil {
		return false, fmt.Errorf("opening heartbeat stream: %w", err)
	}
	defer wire.Bind(ctx, conn)()
	c := wire.NewConn(conn)
	tick := time.NewTicker(wire.HeartbeatEvery)
	defer tick.Stop()
	var told *wire.Summary
	for number := uint64(1); ; number++ {
		beat := &wire.Heartbeat{Version: wire.Version, Number: number}
		s, err := h.cfg.Summary()
		if err != nil {
			return answered, fmt.Errorf("summing up the subtree: %w", err)
		}
		if told == nil || !proto.Equal(s, told) {
			beat.Summary, told = s, s
		}
		sent := time.Now()
		beat.SentAt = sent.UnixNano()
		if err := c.Write(&wire.RegisterUp{Body: &wire.RegisterUp_Heartbeat{Heartbeat: beat}}); err != nil {
			return answered, err
		}
		var down wire.RegisterDown
		if err := c.ReadWithin(wire.HeartbeatLost, &down); err != nil {
			return answered, fmt.Errorf("waiting for the parent's answer: %w", err)
		}
		if end := down.GetEnd(); end != nil {
			return answered, fmt.Errorf("the parent ended the session: %w", end.Err())
		}
		reply := down.GetHeartbeat()
		if reply.GetNumber() != number {
			return answered, wire.Refuse(wire.CodeMalformed, "heartbeat %d answered with %d", number, reply.GetNumber())
		}
		answered = true
		h.note(sent, time.Now(), reply)
		h.cfg.OnReply(reply)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return answered, ctx.Err()
		}
	}
}

// note estimates the clock offset as the parent's time against the middle of the round trip.
func (h *Heartbeat) note(sent, got time.Time, r *wire.HeartbeatReply) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.state.Connected {
		h.state.Connected, h.state.Since = true, got
	}
	h.state.Last, h.state.RoundTrip, h.state.Err = got, got.Sub(sent), nil
	h.state.Offset = time.Unix(0, r.GetTime()).Sub(sent.Add(h.state.RoundTrip / 2))
}
