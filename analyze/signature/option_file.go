package signature

import (
	"crypto/md5"  //nolint:gosec // rules compare published digests; nothing is protected by them
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/file"
	"fengsui/capture/flow"
)

func fileKeywords() map[string]keyword {
	return map[string]keyword{
		"filename":   {value: valueNeeded, parse: optFileText("file.name", "", false)},
		"fileext":    {value: valueNeeded, parse: optFileText("file.name", ".", true)},
		"filemagic":  {value: valueNeeded, parse: optFileText("file.magic", "", false)},
		"filesize":   {value: valueNeeded, parse: optFileSize},
		"filemd5":    {value: valueNeeded, parse: optFileDigest("md5", func(b []byte) []byte { h := md5.Sum(b); return h[:] })},   //nolint:gosec // see import
		"filesha1":   {value: valueNeeded, parse: optFileDigest("sha1", func(b []byte) []byte { h := sha1.Sum(b); return h[:] })}, //nolint:gosec // see import
		"filesha256": {value: valueNeeded, parse: optFileDigest("sha256", func(b []byte) []byte { h := sha256.Sum256(b); return h[:] })},
		"filestore":  {value: valueOptional, parse: optFileStore},
	}
}

// optFileText reads filename:[!]"text", fileext:[!]"text" and filemagic:[!]"text": part of the name or type, or the end of the name behind a dot,
// without regard to case.
func optFileText(name, prefix string, atEnd bool) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		text, negated := strings.CutPrefix(o.Value, "!")
		text = rule.Text(text)
		if text == "" {
			return atOffset(0, "text is empty")
		}
		none := inspect.Plain(0)
		c := &inspect.Content{
			Pattern: lowered([]byte(prefix + text)), NoCase: true, Negated: negated, EndsWith: atEnd, Offset: none, Depth: none, Distance: none, Within: none,
		}
		l := b.listOf(findBuffer(name))
		l.steps = append(l.steps, c)
		return nil
	}
}

// addFileCheck adds a condition that one of the files of a transaction must meet, on every protocol that carries files.
func (b *builder) addFileCheck(name string, test func(f *file.File) bool) {
	c := txCheck{name: name, apps: fields.files}
	any := func(v *field.View) bool {
		for _, f := range field.FilesOf(v) {
			if test(f) {
				return true
			}
		}
		return false
	}
	c.apps.each(func(app flow.App) {
		c.tests = append(c.tests, appTest{app: app, dirs: dirSet(fields.fileIn[app]), late: true, test: any})
	})
	b.out.txs = append(b.out.txs, c)
}

// optFileSize reads filesize. Of a file that is not complete only a lower bound can be told.
func optFileSize(b *builder, o rule.Option) error {
	cond, err := number.Parse(o.Value, 1<<62)
	if err != nil {
		return err
	}
	b.addFileCheck(o.Name, func(f *file.File) bool {
		return (f.State == file.Closed || cond.Rising()) && cond.Match(f.Size)
	})
	return nil
}

// optFileDigest reads filemd5:[!]list, a file with one hexadecimal digest a line. A file with missing bytes has no digest.
func optFileDigest(kind string, sum func([]byte) []byte) func(*builder, rule.Option) error {
	size := len(sum(nil))
	return func(b *builder, o rule.Option) error {
		name, negated := strings.CutPrefix(o.Value, "!")
		if b.c.opt.ReadFile == nil {
			return atOffset(0, "files named in rules cannot be read here")
		}
		text, err := b.c.opt.ReadFile(b.out.File, strings.TrimSpace(rule.Unquote(name)))
		if err != nil {
			return fmt.Errorf("load %s: %w", name, err)
		}
		digests := map[string]bool{}
		for i, line := range strings.Split(string(text), "\n") {
			word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if word == "" || word[0] == '#' {
				continue
			}
			raw, err := hex.DecodeString(word)
			if err != nil || len(raw) != size {
				return fmt.Errorf("load %s: line %d: %q is not %d hexadecimal digits", name, i+1, word, 2*size)
			}
			digests[string(raw)] = true
		}
		b.addFileCheck(o.Name, func(f *file.File) bool {
			if f.State != file.Closed {
				return false
			}
			digest := f.Sum(kind)
			if digest == nil && !f.Cut() { // not computed as it passed, but all of it is here
				digest = sum(f.Data)
			}
			return digest != nil && digests[string(digest)] != negated
		})
		return nil
	}
}

// optFileStore reads filestore[:direction[,scope]]: files of a transaction that matches are marked to be kept. It asks that there be a file.
func optFileStore(b *builder, o rule.Option) error {
	var dirs dirSet
	scope := ""
	if o.HasValue {
		parts := split(o.Value)
		switch parts[0] {
		case "request", "to_server":
			dirs = toServer
		case "response", "to_client":
			dirs = toClient
		case "both":
			dirs = bothDirs
		default:
			return atOffset(0, "direction %q is not request, response or both", parts[0])
		}
		if len(parts) > 1 {
			scope = parts[1]
		}
		switch scope {
		case "", "file", "tx", "ssn", "flow":
		default:
			return atOffset(len(parts[0])+1, "scope %q is not file, tx, ssn or flow", scope)
		}
	}
	b.addFileCheck(o.Name, func(*file.File) bool { return true })
	b.out.marks = append(b.out.marks, func(v *field.View) {
		view := *v
		for dir := range flow.Direction(2) {
			if dirs == 0 && dir == v.Dir || dirs.has(dir) {
				view.Dir = dir
				for _, f := range field.FilesOf(&view) {
					f.Store = true
				}
			}
		}
	})
	return nil
}
