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

// Digest is a hash to compute over files.
type Digest struct {
	Name string // "md5", "sha1", "sha256", "sm3"
	New  func() hash.Hash
}

// Config says what is kept and computed.
type Config struct {
	Keep    int      // first bytes kept for inspection, 0 is KeepDefault
	Digests []Digest // computed over every file
}

// KeepDefault is how many bytes of a file are kept when nothing else is said.
const KeepDefault = 100 << 10

// File is one file.
type File struct {
	Name  []byte // as the protocol names it, without interpretation; empty when it has none
	Dir   flow.Direction
	Size  uint64 // bytes seen, gaps included
	State State
	Data  []byte // its first bytes, see Config.Keep
	Store bool   // a rule asked for it to be kept

	keep    int
	hashes  []hash.Hash
	digests []Digest
	sums    [][]byte
	gap     bool
	logged  bool
}

// New begins a file. cfg may be nil.
func New(cfg *Config, dir flow.Direction, name []byte) *File {
	f := &File{Dir: dir, Name: append([]byte(nil), name...), keep: KeepDefault}
	if cfg != nil {
		if cfg.Keep > 0 {
			f.keep = cfg.Keep
		}
		f.digests = cfg.Digests
		for _, d := range cfg.Digests {
			f.hashes = append(f.hashes, d.New())
		}
	}
	return f
}

// Write takes the next bytes.
func (f *File) Write(b []byte) {
	if f.State != Open {
		return
	}
	f.Size += uint64(len(b))
	if room := f.keep - len(f.Data); room > 0 && !f.gap {
		f.Data = append(f.Data, b[:min(room, len(b))]...)
	}
	for _, h := range f.hashes {
		h.Write(b) //nolint:errcheck // hash.Hash never fails
	}
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
	for _, h := range f.hashes {
		f.sums = append(f.sums, h.Sum(nil))
	}
	f.hashes = nil
}

// Abort ends the file before its end.
func (f *File) Abort() {
	if f.State == Open {
		f.State, f.hashes = Truncated, nil
	}
}

// Sum returns a digest by name, nil when it was not computed or bytes are missing.
func (f *File) Sum(name string) []byte {
	for i, d := range f.digests {
		if d.Name == name && i < len(f.sums) {
			return f.sums[i]
		}
	}
	return nil
}

// Cut tells whether Data is not the whole file as far as it was seen.
func (f *File) Cut() bool { return f.gap || f.Size > uint64(len(f.Data)) }

// TakeLog tells, once, that the file's event is due.
func (f *File) TakeLog() bool {
	was := f.logged
	f.logged = true
	return !was
}
