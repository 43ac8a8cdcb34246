package file

import (
	"encoding/hex"

	"fengsui/capture/event"
)

// String returns the state's word in events.
func (s State) String() string { return [...]string{"open", "closed", "truncated"}[s] }

// Event adds the file's fields to e.
func (f *File) Event(e *event.Event) {
	e.Bytes(event.FileName, f.Name)
	e.Uint(event.FileSize, f.Size)
	e.Str(event.FileState, f.State.String())
	e.Bool(event.FileGaps, f.gap)
	if f.Start > 0 || f.Whole > 0 {
		e.Uint(event.FileStart, f.Start)
		e.Uint(event.FileWhole, f.Whole)
	}
	if f.cfg == nil {
		return
	}
	if f.cfg.Magic && f.Size > 0 {
		t := f.Type()
		e.Str(event.FileMIME, t.MIME)
		e.Str(event.FileMagic, t.Description)
	}
	for i, d := range f.cfg.Digests {
		if i < len(f.sums) {
			e.Str(digestField(d.Name), hex.EncodeToString(f.sums[i]))
		}
	}
}

// Finish hands a file whose event is being made to the store if it is wanted there, notes it in the event, and lets go
// of what was held. c may be nil.
func (c *Config) Finish(f *File, e *event.Event) {
	if c == nil || c.Store == nil || f.done {
		return
	}
	f.done = true
	if (f.Store || c.StoreAll) && f.Size > 0 {
		e.Bool(event.FileStored, c.Store.put(f, e))
	}
	f.Release()
}

// digestField names the field of a digest.
func digestField(name string) string {
	switch name {
	case "md5":
		return event.FileMD5
	case "sha1":
		return event.FileSHA1
	case "sha256":
		return event.FileSHA256
	case "sm3":
		return event.FileSM3
	}
	return "fengsui.file.hash." + name
}
