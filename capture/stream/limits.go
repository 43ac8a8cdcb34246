package stream

// Config says how sessions are followed. A zero limit takes the default in its comment.
type Config struct {
	Depth       int64 // bytes of a direction that are put together, 1 MiB; -1 = no limit
	DirBytesMax int   // bytes stored for one direction at a time, 1 MiB
	SegmentsMax int   // segments out of order for one direction, 512
	BytesMax    int64 // bytes stored for all sessions, 256 MiB
	LookBack    int   // bytes shown again in front of a raw chunk, 512; -1 = none
	Midstream   bool  // pick up sessions whose handshake was not seen
	AsyncOneway bool  // follow sessions of which one direction is seen
	Raw         bool  // keep bytes for Raw (pattern matching); without it only the parser holds them
}

func (c *Config) fill() {
	if c.Depth == 0 {
		c.Depth = 1 << 20
	}
	if c.Depth < 0 {
		c.Depth = 1 << 62
	}
	if c.DirBytesMax <= 0 {
		c.DirBytesMax = 1 << 20
	}
	if c.SegmentsMax <= 0 {
		c.SegmentsMax = 512
	}
	if c.BytesMax <= 0 {
		c.BytesMax = 256 << 20
	}
	if c.LookBack == 0 {
		c.LookBack = 512
	}
	if c.LookBack < 0 {
		c.LookBack = 0
	}
}

// regionsMax bounds how many unacknowledged segments are told apart for the overlap policy.
const regionsMax = 256

// urgentMax bounds the urgent bytes taken out of one direction; later ones stay in the stream.
const urgentMax = 64

// Stats count what an Assembler did. Drops are segments, not bytes.
type Stats struct {
	Sessions       uint64
	Segments       uint64 // with payload, accepted
	OutOfOrder     uint64
	Rejected       uint64 // packets that did not fit their session
	Retransmitted  uint64 // segments that brought nothing new
	DroppedMemory  uint64 // BytesMax or DirBytesMax
	DroppedOrder   uint64 // SegmentsMax
	DepthReached   uint64 // directions
	Gaps, GapBytes uint64
	Overlaps       uint64 // with different bytes
	Midstream      uint64
	MemoryNow      int64
	MemoryPeak     int64
}
