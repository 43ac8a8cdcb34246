package channel

import "sync"

// Record buffers in three sizes: small messages, our own full records, and the
// largest a peer may send.
const (
	bufferSmall  = 2 << 10
	bufferRecord = RecordBytes + recordOverhead
	bufferMax    = RecordBytesMax + recordOverhead
)

// buffer is handed about by pointer, so that pooling it allocates nothing.
type buffer struct{ b []byte }

// bufferPool is shared by a session's streams; a stream borrows only while a
// record is in its hands.
type bufferPool struct{ small, record, largest sync.Pool }

func (p *bufferPool) class(size int) (*sync.Pool, int) {
	switch {
	case size <= bufferSmall:
		return &p.small, bufferSmall
	case size <= bufferRecord:
		return &p.record, bufferRecord
	}
	return &p.largest, bufferMax
}

// get returns a buffer of at least size bytes; size is at most bufferMax.
func (p *bufferPool) get(size int) *buffer {
	pool, capacity := p.class(size)
	if b, ok := pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{b: make([]byte, capacity)}
}

func (p *bufferPool) put(b *buffer) {
	pool, _ := p.class(len(b.b))
	pool.Put(b)
}
