package http

import "fengsui/capture/proto/http/coding"

// Limits bound what is kept of a message. A zero field takes the default in its comment.
type Limits struct {
	BodyBytesMax    int    // decoded bytes kept of a body that is no file, 100 KiB (files: file.Config.Keep)
	DecodedBytesMax uint64 // bytes an encoded body may become before it is let go as a bomb, 64 MiB
	HeaderBytesMax  int    // bytes of a start line, of a header block, of a trailer, 64 KiB
	HeadersMax      int    // header fields of a message, 1024
}

func (l *Limits) fill() {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.BodyBytesMax, 100<<10)
	set(&l.HeaderBytesMax, 64<<10)
	set(&l.HeadersMax, 1024)
	if l.DecodedBytesMax == 0 {
		l.DecodedBytesMax = coding.OutputDefault
	}
}

const (
	codingsMax    = 2    // content codings undone
	chunkLineMax  = 1024 // bytes of a chunk-size line
	waitingMax    = 256  // requests waiting for their response
	emptyLinesMax = 64   // empty lines skipped in front of a start line at a time
)
