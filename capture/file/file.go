package file

import (
	"hash"

	"fengsui/capture/flow"
)

// State says how far a file is.
type State uint8

// States.
const (
	Open      State = iota
	Closed          // all of it was seen
	Truncated       // bytes are missing
)

// File is one file.
type File struct {
	Name  []byte // as the protocol names it, without interpretation; empty when it has none; at most NameBytesMax
	Dir   flow.Direction
	Size  uint64 // bytes seen, gaps included
	State State
	Data  []byte // its first bytes, see Config.Keep
	// Start is where this piece begins in the whole (a byte range of HTTP), 0 for whole files; Whole is the size of the
	// whole as the protocol declares it, 0 when it does not say.
	Start, Whole uint64
	Store        bool // a rule asked for it to be kept; see Config.Store

	cfg    *Config
	keep   int
	hashes []hash.Hash
	sums   [][]byte
	tail   []byte // what follows Data, held for the store
	held   int    // of the store's budget
	gap    bool
	lost   bool // some bytes were not held
	logged bool
	done   bool // handed over by Finish

	kind   Type
	kindOf int // bytes that kind was told from
}

// New begins a file. cfg may be nil.
func New(cfg *Config, dir flow.Direction, name []byte) *File {
	f := &File{Dir: dir, Name: append([]byte(nil), name[:min(len(name), NameBytesMax)]...), keep: KeepDefault, cfg: cfg}
	if cfg != nil {
		if cfg.Keep > 0 {
			f.keep = cfg.Keep
		}
		for _, d := range cfg.Digests {
			f.hashes = append(f.hashes, d.New())
		}
	}
	return f
}

// hintMax bounds what Expect sets aside: a size that is declared need not come.
const hintMax = 32 << 10

// Expect tells how many bytes are said to come, so that room for the first of them is made once.
func (f *File) Expect(n int64) {
	if n > 0 && f.Data == nil {
		f.Data = make([]byte, 0, min(n, int64(f.keep), hintMax))
	}
}

// Write takes the next bytes.
func (f *File) Write(b []byte) {
	if f.State != Open || len(b) == 0 {
		return
	}
	f.Size += uint64(len(b))
	for _, h := range f.hashes {
		h.Write(b) //nolint:errcheck // hash.Hash never fails
	}
	if f.gap {
		return
	}
	if room := f.keep - len(f.Data); room > 0 {
		n := min(room, len(b))
		f.Data = append(f.Data, b[:n]...)
		b = b[n:]
	}
	if len(b) > 0 && f.cfg != nil && f.cfg.Store != nil {
		f.hold(b)
	}
}

// hold keeps bytes behind Data for the store, as far as its limits allow.
func (f *File) hold(b []byte) {
	s := f.cfg.Store
	if f.lost {
		return
	}
	if len(f.Data)+len(f.tail)+len(b) > s.cfg.FileBytesMax || !s.reserve(len(b)) {
		f.lost = true
		f.Release()
		return
	}
	f.held += len(b)
	f.tail = append(f.tail, b...)
}

// Gap tells that n bytes are missing.
func (f *File) Gap(n int64) {
	if f.State != Open {
		return
	}
	f.Size += uint64(max(n, 0))
	f.gap, f.hashes = true, nil
}

// Close ends the file: all of it was written, but for gaps.
func (f *File) Close() {
	if f.State != Open {
		return
	}
	f.State = Closed
	if f.gap {
		f.State = Truncated
	}
	f.sum()
}

// Abort ends the file before its end. Its digests are those of what has come.
func (f *File) Abort() {
	if f.State == Open {
		f.State = Truncated
		f.sum()
	}
}

func (f *File) sum() {
	for _, h := range f.hashes {
		f.sums = append(f.sums, h.Sum(nil))
	}
	f.hashes = nil
}

// Sum returns a digest by name, nil when it was not computed or bytes in the middle are missing.
func (f *File) Sum(name string) []byte {
	if f.cfg == nil {
		return nil
	}
	for i, d := range f.cfg.Digests {
		if d.Name == name && i < len(f.sums) {
			return f.sums[i]
		}
	}
	return nil
}

// Gaps tells whether bytes in the middle are missing.
func (f *File) Gaps() bool { return f.gap }

// Cut tells whether Data is not the whole file as far as it was seen.
func (f *File) Cut() bool { return f.gap || f.Size > uint64(len(f.Data)) }

// TakeLog tells, once, that the file's event is due.
func (f *File) TakeLog() bool {
	was := f.logged
	f.logged = true
	return !was
}

// Release gives up what is held for the store. The pipeline's event of the file does it through Config.Finish.
func (f *File) Release() {
	if f.held > 0 {
		f.cfg.Store.release(f.held)
	}
	f.held, f.tail = 0, nil
}
