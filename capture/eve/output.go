package eve

import (
	"fmt"
	"io"
	"sync"
)

// Output is where the loggers of several workers write; lines stay whole. The first error ends it.
type Output struct {
	mu    sync.Mutex
	w     io.Writer
	err   error
	lines uint64
}

// NewOutput makes an Output on w.
func NewOutput(w io.Writer) *Output { return &Output{w: w} }

// write takes whole lines.
func (o *Output) write(b []byte, lines uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || len(b) == 0 {
		return
	}
	o.lines += lines
	if _, err := o.w.Write(b); err != nil {
		o.err = fmt.Errorf("writing EVE: %w", err)
	}
}

// Flush hands on what the writer holds back, where it does so (a bufio.Writer).
func (o *Output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f, ok := o.w.(interface{ Flush() error }); ok && o.err == nil {
		if err := f.Flush(); err != nil {
			o.err = fmt.Errorf("writing EVE: %w", err)
		}
	}
	return o.err
}

// Err is the error that ended the output, nil while all is well.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Lines counts the records written.
func (o *Output) Lines() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines
}
