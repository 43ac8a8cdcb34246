package coding

import (
	"bytes"
	"errors"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Kind is a content coding.
type Kind uint8

// Content codings (RFC 9110 8.4.1, RFC 7932, RFC 8878).
const (
	Identity Kind = iota
	Gzip
	Deflate
	Brotli
	Zstd
	Other // known by name, not undone: compress, lzma
)

// Parse reads one word of a Content-Encoding field. known is false for words that are no coding; those that contain the
// name of one are taken for it, as servers and readers do.
func Parse(word []byte) (k Kind, known bool) {
	w := bytes.ToLower(bytes.TrimSpace(word))
	switch string(w) {
	case "", "identity", "none":
		return Identity, true
	case "gzip", "x-gzip":
		return Gzip, true
	case "deflate", "x-deflate":
		return Deflate, true
	case "br":
		return Brotli, true
	case "zstd":
		return Zstd, true
	case "compress", "x-compress", "lzma", "exi", "pack200-gzip", "dcb", "dcz":
		return Other, true
	}
	switch {
	case bytes.Contains(w, []byte("gzip")):
		return Gzip, false
	case bytes.Contains(w, []byte("deflate")):
		return Deflate, false
	}
	return Identity, false
}

const (
	// BombBytes and RatioMax tell a bomb: output beyond both. DEFLATE alone reaches 1032 times its input.
	BombBytes = 1 << 20
	RatioMax  = 2048
	// OutputDefault is how much a body may become.
	OutputDefault = 64 << 20

	headBytesMax   = 64 << 10 // of a gzip header
	gatherBytesMax = 512 << 10
	stepBytes      = 8192
)

// Outcome says how decoding goes.
type Outcome uint8

// Outcomes.
const (
	Fine   Outcome = iota
	Failed         // the bytes are not in the promised coding
	Bomb           // the output is beyond all proportion, or beyond the limit
	Enough         // the sink wants no more
)

// Decoder undoes one coding.
type Decoder struct {
	kind    Kind
	in, out uint64
	most    uint64
	outcome Outcome
	ended   bool
	head    []byte // of a gzip member or zlib stream, as far as it has come; what zstd gathers
	body    bool   // behind that header
	tail    int    // bytes of a gzip trailer still to skip

	inflate *Inflater
	brotli  *brotli.Reader
	feed    feeder
	sink    Sink
	count   Sink
}

// Pool keeps inflaters for reuse. It belongs to one worker.
type Pool struct{ free []*Inflater }

const poolMax = 16

func (p *Pool) get() *Inflater {
	if p != nil && len(p.free) > 0 {
		z := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		z.Reset()
		return z
	}
	return &Inflater{}
}

// New returns a decoder; most is the largest output, 0 is OutputDefault. pool may be nil.
func New(kind Kind, most uint64, pool *Pool) *Decoder {
	if most == 0 {
		most = OutputDefault
	}
	d := &Decoder{kind: kind, most: most}
	switch kind {
	case Gzip, Deflate:
		d.inflate = pool.get()
	case Brotli:
		d.brotli = brotli.NewReader(&d.feed)
	}
	d.count = d.counted
	return d
}

// Release gives the decoder's memory back. The decoder is not used afterwards.
func (d *Decoder) Release(pool *Pool) {
	if d.inflate != nil && pool != nil && len(pool.free) < poolMax {
		pool.free = append(pool.free, d.inflate)
	}
	d.inflate, d.brotli, d.head = nil, nil, nil
}

// Produced tells how many bytes were decoded.
func (d *Decoder) Produced() uint64 { return d.out }

// counted shows output and watches the limits.
func (d *Decoder) counted(b []byte) bool {
	d.out += uint64(len(b))
	if d.out > d.most || d.out > BombBytes && d.out > RatioMax*d.in {
		d.outcome = Bomb
		return false
	}
	if !d.sink(b) {
		d.outcome = Enough
		return false
	}
	return true
}

// Write decodes the next bytes. After anything but Fine it does nothing.
func (d *Decoder) Write(b []byte, sink Sink) Outcome {
	if d.outcome != Fine || d.ended {
		return d.outcome
	}
	d.in += uint64(len(b))
	d.sink = sink
	var err error
	switch d.kind {
	case Gzip:
		err = d.gzip(b)
	case Deflate:
		err = d.deflate(b)
	case Brotli:
		err = d.pull(b)
	case Zstd:
		d.head = append(d.head, b[:min(len(b), gatherBytesMax-len(d.head))]...)
		if len(d.head) >= gatherBytesMax {
			err = d.zstd()
		}
	default:
		d.counted(b)
	}
	d.sink = nil
	if err != nil && d.outcome == Fine {
		d.outcome = Failed
	}
	return d.outcome
}

// Close ends the input.
func (d *Decoder) Close(sink Sink) Outcome {
	if d.outcome != Fine || d.ended {
		return d.outcome
	}
	d.sink = sink
	switch {
	case d.kind == Zstd:
		if err := d.zstd(); err != nil && d.outcome == Fine && d.out == 0 {
			d.outcome = Failed
		}
	case (d.kind == Gzip || d.kind == Deflate) && !d.body && len(d.head) > 0:
		d.outcome = Failed
	}
	d.sink, d.ended = nil, true
	return d.outcome
}

// gzip reads members one behind another (RFC 1952). What follows the last one is passed over.
func (d *Decoder) gzip(b []byte) error {
	for len(b) > 0 {
		if d.tail > 0 {
			n := min(d.tail, len(b))
			d.tail -= n
			b = b[n:]
			continue
		}
		if !d.body {
			d.head = append(d.head, b...)
			n, ok := gzipHead(d.head)
			switch {
			case !ok && d.out > 0: // no further member
				d.ended = true
				return nil
			case !ok || n == 0 && len(d.head) > headBytesMax:
				return ErrFormat
			case n == 0:
				return nil
			}
			b = d.head[n:]
			d.head, d.body = nil, true
			d.inflate.Reset()
		}
		rest, err := d.inflate.Write(b, d.count)
		if err != nil {
			return err
		}
		if !d.inflate.Done() {
			return nil
		}
		d.body, d.tail = false, 8
		b = rest
	}
	return nil
}

// gzipHead returns the length of a member's header: 0 when it is not whole yet; ok is false when it is none.
func gzipHead(b []byte) (n int, ok bool) {
	for i, c := range []byte{0x1f, 0x8b, 8} {
		if i < len(b) && b[i] != c {
			return 0, false
		}
	}
	if len(b) < 10 {
		return 0, true
	}
	flags, n := b[3], 10
	if flags&4 != 0 {
		if len(b) < n+2 {
			return 0, true
		}
		n += 2 + int(b[n]) + int(b[n+1])<<8
	}
	for _, flag := range [2]byte{8, 16} { // name, comment
		if flags&flag == 0 {
			continue
		}
		if n >= len(b) {
			return 0, true
		}
		i := bytes.IndexByte(b[n:], 0)
		if i < 0 {
			return 0, true
		}
		n += i + 1
	}
	if flags&2 != 0 {
		n += 2
	}
	if n > len(b) {
		return 0, true
	}
	return n, true
}

// deflate reads zlib by the standard and bare DEFLATE by the custom of many servers.
func (d *Decoder) deflate(b []byte) error {
	if !d.body {
		d.head = append(d.head, b...)
		if len(d.head) < 2 {
			return nil
		}
		b = d.head
		if b[0]&0xf == 8 && b[0]>>4 <= 7 && (int(b[0])<<8|int(b[1]))%31 == 0 && b[1]&0x20 == 0 {
			b = b[2:]
		}
		d.head, d.body = nil, true
	}
	_, err := d.inflate.Write(b, d.count)
	if err == nil && d.inflate.Done() {
		d.ended = true
	}
	return err
}

// feeder hands the brotli reader what has come; errDry says that more will.
type feeder struct{ b []byte }

var errDry = errors.New("no more input yet")

func (f *feeder) Read(p []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, errDry
	}
	n := copy(p, f.b)
	f.b = f.b[n:]
	return n, nil
}

func (d *Decoder) pull(b []byte) error {
	d.feed.b = b
	var buf [stepBytes]byte
	for {
		n, err := d.brotli.Read(buf[:])
		if n > 0 && !d.counted(buf[:n]) {
			return ErrFull
		}
		switch {
		case errors.Is(err, errDry):
			return nil
		case errors.Is(err, io.EOF):
			d.ended = true
			return nil
		case err != nil:
			return ErrFormat
		}
	}
}

// zstd decodes what was gathered.
func (d *Decoder) zstd() error {
	d.ended = true
	r, err := zstd.NewReader(bytes.NewReader(d.head), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(16<<20), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return ErrFormat
	}
	defer r.Close()
	d.head = nil
	var buf [stepBytes]byte
	for {
		n, err := r.Read(buf[:])
		if n > 0 && !d.counted(buf[:n]) {
			return ErrFull
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if d.out > 0 { // cut off
				return nil
			}
			return ErrFormat
		}
	}
}
