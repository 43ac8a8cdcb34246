package gossip

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/hashicorp/memberlist"
)

// delegate is memberlist's door to a Gossip: it decodes, notes and returns.
type delegate struct{ g *Gossip }

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
)

// NodeMeta gives this node's metadata.
func (d *delegate) NodeMeta(limit int) []byte {
	b := *d.g.meta.Load()
	if len(b) > limit {
		return nil
	}
	return b
}

// NotifyMsg drops user messages: none are sent.
func (d *delegate) NotifyMsg([]byte) {}

// GetBroadcasts has none to send.
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState has nothing to add to memberlist's own exchange.
func (d *delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState ignores additions.
func (d *delegate) MergeRemoteState([]byte, bool) {}

// NotifyJoin notes a node that is alive, new or again.
func (d *delegate) NotifyJoin(n *memberlist.Node) { d.g.note(Joined, n, true) }

// NotifyLeave notes a node that has left or is dead.
func (d *delegate) NotifyLeave(n *memberlist.Node) { d.g.note(Gone, n, false) }

// NotifyUpdate notes new metadata.
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.g.note(Updated, n, true) }

// NotifyConflict warns of two processes under one name: a copied data directory, or a node that moved faster than its
// old self was found dead.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.g.conflicts.Add(1)
	d.g.log.Warn("two nodes use one name", "node", existing.Name, "addr", hostPort(existing), "other", hostPort(other))
}

// ringLog is memberlist's log: one line a Write, passed on at debug level.
type ringLog struct{ log *slog.Logger }

// levels are memberlist's words for severity, which begin the text of each line.
var levels = [][]byte{[]byte("[ERR]"), []byte("[WARN]"), []byte("[INFO]"), []byte("[DEBUG]")}

func (l ringLog) Write(p []byte) (int, error) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return len(p), nil
	}
	line := bytes.TrimSpace(p)
	for _, level := range levels {
		if i := bytes.Index(line, level); i >= 0 { // what stands before is memberlist's own clock
			line = line[i:]
			break
		}
	}
	l.log.Debug("memberlist", "line", string(line))
	return len(p), nil
}
