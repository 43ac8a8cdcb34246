package field

import (
	"slices"

	"fengsui/capture/file"
	"fengsui/capture/proto"
)

// FilesOf lists the files the side looked at carries.
func FilesOf(v *View) []*file.File {
	if c, ok := v.Tx.(proto.FileCarrier); ok {
		return c.Files(v.Dir)
	}
	return nil
}

func fileAt(v *View, i int) *file.File {
	if files := FilesOf(v); i < len(files) {
		return files[i]
	}
	return nil
}

// fileData gives the bytes of a file that are kept.
func fileData(v *View, i int, _ []byte) ([]byte, bool) {
	f := fileAt(v, i)
	if f == nil {
		return nil, false
	}
	return f.Data, true
}

func fileEnded(v *View, i int) bool {
	f := fileAt(v, i)
	return f != nil && f.State != file.Open
}

func fileName(v *View, i int, _ []byte) ([]byte, bool) {
	f := fileAt(v, i)
	if f == nil {
		return nil, false
	}
	return f.Name, true
}

// typeBytes is how many bytes of a file tell its type.
const typeBytes = 4096

// fileMagic describes the file by its first bytes, once enough of them are there.
func fileMagic(v *View, i int, scratch []byte) ([]byte, bool) {
	f := fileAt(v, i)
	if f == nil {
		return nil, false
	}
	if f.State == file.Open && len(f.Data) < typeBytes {
		return scratch, true // not known yet
	}
	return append(scratch, f.Type().Description...), true
}

func fileMagicKnown(v *View, i int) bool {
	f := fileAt(v, i)
	return f != nil && (f.State != file.Open || len(f.Data) >= typeBytes)
}

// atOnce is Ended for values that never grow, though there may be more of them.
func atOnce(*View, int) bool { return true }

// withFiles adds the file keywords to a protocol whose transactions carry files, but for those it has itself.
func withFiles(p *Protocol) {
	if p.Files == 0 {
		return
	}
	for _, b := range []Buffer{
		{Names: []string{"file.data", "file_data"}, Get: fileData, Ended: fileEnded},
		{Names: []string{"file.name"}, Get: fileName, Ended: atOnce},
		{Names: []string{"file.magic"}, Get: fileMagic, Ended: fileMagicKnown},
	} {
		if slices.ContainsFunc(p.Buffers, func(have Buffer) bool { return have.Names[0] == b.Names[0] }) {
			continue
		}
		b.Dirs, b.Multi, b.Grows = p.Files, true, true
		p.Buffers = append(p.Buffers, b)
	}
}
