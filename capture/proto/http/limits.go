package http

// Limits bound what is kept of a message. A zero field takes the default in its comment.
type Limits struct {
	BodyBytesMax    int // decoded bytes kept of a body, 100 KiB
	EncodedBytesMax int // bytes gathered of an encoded body before it is decoded, 128 KiB
	HeaderBytesMax  int // bytes of a start line, of a header block, of a trailer, 64 KiB
	HeadersMax      int // header fields of a message, 1024
}

func (l *Limits) fill() {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.BodyBytesMax, 100<<10)
	set(&l.EncodedBytesMax, 128<<10)
	set(&l.HeaderBytesMax, 64<<10)
	set(&l.HeadersMax, 1024)
}

const (
	codingsMax       = 2    // content codings undone
	chunkLineMax     = 1024 // bytes of a chunk-size line
	waitingMax       = 256  // requests waiting for their response
	emptyLinesMax    = 64   // empty lines skipped in front of a start line at a time
	decodeOutputStep = 4096
)
