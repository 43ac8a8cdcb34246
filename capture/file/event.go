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
	for i, d := range f.digests {
		if i < len(f.sums) {
			e.Str(digestField(d.Name), hex.EncodeToString(f.sums[i]))
		}
	}
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
