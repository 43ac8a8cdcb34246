package pipeline

import (
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/packet"
	"fengsui/capture/proto"
	"fengsui/capture/stream"
)

// checker is an inspector that checks the contract of Inspector.
type checker struct {
	t       *testing.T
	name    string
	open    int
	packets int
	chunks  [2][]byte // raw bytes by direction, of the last flow
	next    map[*flow.Flow]*[2]uint64
	done    map[proto.Transaction][2]bool
}

func (c *checker) see(f *flow.Flow) {
	if f != nil && f.Ext == nil {
		f.Ext = c
		c.open++
	}
}

func (c *checker) Packet(p *packet.Packet, f *flow.Flow, dir flow.Direction) {
	c.packets++
	c.see(f)
	if f != nil && p.Kind != packet.KindICMP && p.Kind != packet.KindICMPv6 {
		from := f.Client
		if dir == flow.ToClient {
			from = f.Server
		}
		if from.Addr() != p.Src || from.Port() != p.SrcPort {
			c.t.Errorf("%s: packet %d from %v:%d is shown as %v of flow %v - %v", c.name, p.Number, p.Src, p.SrcPort, dir, f.Client, f.Server)
		}
	}
}

func (c *checker) Stream(_ *packet.Packet, f *flow.Flow, dir flow.Direction, k *stream.Chunk) {
	c.see(f)
	if c.next == nil {
		c.next = map[*flow.Flow]*[2]uint64{}
	}
	n := c.next[f]
	if n == nil {
		n = &[2]uint64{}
		c.next[f] = n
	}
	if k.New <= 0 || k.New > len(k.Data) {
		c.t.Errorf("%s: chunk of %d bytes says %d are new", c.name, len(k.Data), k.New)
	}
	fresh := k.Offset + uint64(len(k.Data)-k.New)
	if fresh != n[dir] && !k.Gap {
		c.t.Errorf("%s: chunk at %d follows %d without a gap", c.name, fresh, n[dir])
	}
	if fresh < n[dir] {
		c.t.Errorf("%s: chunk at %d shows bytes before %d again", c.name, fresh, n[dir])
	}
	n[dir] = fresh + uint64(k.New)
	c.chunks[dir] = append(c.chunks[dir], k.Data[len(k.Data)-k.New:]...)
}

func (c *checker) Transaction(p *packet.Packet, f *flow.Flow, dir flow.Direction, tx proto.Transaction) {
	c.see(f)
	if c.done == nil {
		c.done = map[proto.Transaction][2]bool{}
	}
	d := c.done[tx]
	d[dir] = d[dir] || tx.Complete(dir)
	c.done[tx] = d
	if s := tx.Base(); s.OneSide && s.Only != dir {
		c.t.Errorf("%s: packet %d: one-sided transaction shown for %v", c.name, p.Number, dir)
	}
}

func (c *checker) FlowEnd(f *flow.Flow) {
	delete(c.next, f)
	if f.Ext != nil {
		c.open--
	}
}
