package signature

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// TaggedPacket takes a packet that follows an alert whose rule has a tag: the packet, its flow (nil when it has none), and the rule.
type TaggedPacket func(p *packet.Packet, f *flow.Flow, gid, sid uint32)

// OnTagged makes the worker show packets that rules have tagged. Without it tags do nothing.
func (w *Worker) OnTagged(show TaggedPacket) { w.tagged = show }

// tagMetric is what a tag counts.
type tagMetric uint8

const (
	tagPackets tagMetric = iota
	tagBytes
	tagSeconds
)

// tagDefault is how many packets a tag without count lasts.
const tagDefault = 256

// tagsMax bounds the tags of one flow or host; hostsTaggedMax the hosts.
const (
	tagsMax        = 32
	hostsTaggedMax = 1 << 16
)

// tagSpec is a tag keyword.
type tagSpec struct {
	host   bool
	source bool // host: the packet's source rather than its destination
	metric tagMetric
	count  uint64
}

// flowTag is a tag at work.
type flowTag struct {
	gid, sid uint32
	metric   tagMetric
	left     uint64    // packets or bytes
	until    time.Time // seconds
	since    uint64    // number of the packet that began it
}

// counts tells whether the packet falls under the tag, and takes it off; over tells that the tag is used up.
func (t *flowTag) counts(p *packet.Packet) (yes, over bool) {
	if p.Number == t.since || p.Pseudo {
		return false, false
	}
	switch t.metric {
	case tagSeconds:
		return !p.Time.After(t.until), p.Time.After(t.until)
	case tagBytes:
		n := uint64(len(p.Data))
		if n >= t.left {
			return true, true
		}
		t.left -= n
		return true, false
	}
	t.left--
	return true, t.left == 0
}

// hostTags are the tags of hosts, shared by the workers of an engine.
type hostTags struct {
	active atomic.Int64 // hosts in the map, so that packets need not ask
	mu     sync.Mutex
	hosts  map[netip.Addr][]flowTag
}

// tag begins the tags of a rule that has alerted.
func (w *Worker) tag(s *sig) {
	if w.tagged == nil {
		return
	}
	for _, spec := range s.tags {
		t := flowTag{gid: s.GID, sid: s.SID, metric: spec.metric, left: spec.count, since: w.p.Number}
		if spec.metric == tagSeconds {
			t.until = w.p.Time.Add(time.Duration(spec.count) * time.Second)
		}
		switch {
		case spec.host && w.p.IPVersion != 0:
			addr := w.p.Dst
			if spec.source {
				addr = w.p.Src
			}
			w.shared.tags.add(addr, t)
		case !spec.host && w.f != nil:
			r := w.rare()
			r.tags = addTag(r.tags, t)
		}
	}
}

// addTag renews the tag of the same rule, or adds it.
func addTag(tags []flowTag, t flowTag) []flowTag {
	for i := range tags {
		if tags[i].gid == t.gid && tags[i].sid == t.sid && tags[i].metric == t.metric {
			tags[i] = t
			return tags
		}
	}
	if len(tags) >= tagsMax {
		return tags
	}
	return append(tags, t)
}

func (h *hostTags) add(addr netip.Addr, t flowTag) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hosts == nil {
		h.hosts = map[netip.Addr][]flowTag{}
	}
	if h.hosts[addr] == nil && len(h.hosts) >= hostsTaggedMax {
		return
	}
	h.hosts[addr] = addTag(h.hosts[addr], t)
	h.active.Store(int64(len(h.hosts)))
}

// showTagged shows the packet for each tag it falls under.
func (w *Worker) showTagged() {
	if w.tagged == nil {
		return
	}
	if w.fs != nil && w.fs.rare != nil {
		w.fs.rare.tags = w.takeTags(w.fs.rare.tags)
	}
	h := &w.shared.tags
	if h.active.Load() == 0 || w.p.IPVersion == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, addr := range [2]netip.Addr{w.p.Src, w.p.Dst} {
		tags := h.hosts[addr]
		if tags == nil {
			continue
		}
		if tags = w.takeTags(tags); len(tags) > 0 {
			h.hosts[addr] = tags
		} else {
			delete(h.hosts, addr)
		}
	}
	h.active.Store(int64(len(h.hosts)))
}

func (w *Worker) takeTags(tags []flowTag) []flowTag {
	kept := tags[:0]
	for i := range tags {
		t := tags[i]
		yes, over := t.counts(w.p)
		if yes {
			w.tagged(w.p, w.f, t.gid, t.sid)
		}
		if !over {
			kept = append(kept, t)
		}
	}
	return kept
}

// optTag reads tag:session|host[,count,packets|bytes|seconds][,src|dst].
func optTag(b *builder, o rule.Option) error {
	parts := split(o.Value)
	spec := tagSpec{count: tagDefault}
	switch parts[0] {
	case "session":
	case "host":
		spec.host = true
	default:
		return atOffset(0, "tag is session or host")
	}
	rest := parts[1:]
	if n := len(rest); n > 0 && (rest[n-1] == "src" || rest[n-1] == "dst") {
		if !spec.host {
			return atOffset(0, "a session has no src or dst")
		}
		spec.source = rest[n-1] == "src"
		rest = rest[:n-1]
	}
	switch len(rest) {
	case 0:
	case 2:
		n, err := parseUint(rest[0], 1<<32-1)
		if err != nil || n == 0 {
			return atOffset(len(parts[0])+1, "count %q is no number above 0", rest[0])
		}
		metric, ok := map[string]tagMetric{"packets": tagPackets, "bytes": tagBytes, "seconds": tagSeconds}[strings.ToLower(rest[1])]
		if !ok {
			return atOffset(0, "tag counts packets, bytes or seconds")
		}
		spec.count, spec.metric = n, metric
	default:
		return atOffset(0, "want tag:session|host[,count,packets|bytes|seconds][,src|dst]")
	}
	b.out.tags = append(b.out.tags, spec)
	return nil
}
