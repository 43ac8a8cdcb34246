package signature

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // rules compare published digests; nothing is protected by them
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
	"fengsui/capture/proto/http"
)

func fileKeywords() map[string]keyword {
	return map[string]keyword{
		"filename":   {value: valueNeeded, parse: optFileName("", false)},
		"fileext":    {value: valueNeeded, parse: optFileName(".", true)},
		"filesize":   {value: valueNeeded, parse: optFileSize},
		"filemd5":    {value: valueNeeded, parse: optFileDigest(func(b []byte) []byte { h := md5.Sum(b); return h[:] })},  //nolint:gosec // see import
		"filesha1":   {value: valueNeeded, parse: optFileDigest(func(b []byte) []byte { h := sha1.Sum(b); return h[:] })}, //nolint:gosec // see import
		"filesha256": {value: valueNeeded, parse: optFileDigest(func(b []byte) []byte { h := sha256.Sum256(b); return h[:] })},
	}
}

// httpFile gives the body of the side looked at if it carries a file.
func httpFile(t *txView) (*http.Body, bool) {
	body := &httpOf(t).Side(t.dir).Body
	return body, body.Total > 0
}

// fileName is what the file is called: the name of Content-Disposition, else the path that was asked for.
func fileName(t *txView, i int, _ []byte) ([]byte, bool) {
	if _, ok := httpFile(t); !ok || i > 0 {
		return nil, false
	}
	x := httpOf(t)
	if name := dispositionName(x.Side(t.dir).Get("content-disposition")); name != nil {
		return name, true
	}
	path, _, _ := bytes.Cut(x.Request.URI, []byte{'?'})
	return path, len(path) > 0
}

// dispositionName finds filename= in a Content-Disposition value.
func dispositionName(value []byte) []byte {
	at := inspect.IndexFold(value, []byte("filename="))
	if at < 0 {
		return nil
	}
	name := value[at+len("filename="):]
	if len(name) > 0 && name[0] == '"' {
		name, _, _ = bytes.Cut(name[1:], []byte{'"'})
		return name
	}
	name, _, _ = bytes.Cut(name, []byte{';'})
	return bytes.TrimSpace(name)
}

// fileNameBuffer and fileWhole are judged when the file is complete.
var (
	fileNameBuffer = &buffer{name: "file.name", app: flow.AppHTTP, dirs: bothDirs, need: [2]int{http.Done, http.Done}, get: fileName}
	fileWhole      = &buffer{name: "file", app: flow.AppHTTP, dirs: bothDirs, need: [2]int{http.Done, http.Done}}
)

// optFileName reads filename:[!]"text" and fileext:[!]"text": part of the name, or its end behind a dot, without regard to case.
func optFileName(prefix string, atEnd bool) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		text, negated := strings.CutPrefix(o.Value, "!")
		text = rule.Text(text)
		if text == "" {
			return atOffset(0, "name is empty")
		}
		none := inspect.Plain(0)
		c := &inspect.Content{
			Pattern: lowered([]byte(prefix + text)), NoCase: true, Negated: negated, EndsWith: atEnd, Offset: none, Depth: none, Distance: none, Within: none,
		}
		l := b.listOf(fileNameBuffer)
		l.steps = append(l.steps, c)
		return nil
	}
}

func optFileSize(b *builder, o rule.Option) error {
	cond, err := number.Parse(o.Value, 1<<62)
	if err != nil {
		return err
	}
	b.addTx(fileWhole, func(_ *Worker, t *txView) bool {
		body, ok := httpFile(t)
		return ok && cond.Match(body.Total)
	})
	return nil
}

// optFileDigest reads filemd5:[!]list, a file with one hexadecimal digest a line. A file of which only the first part was kept has no digest.
func optFileDigest(sum func([]byte) []byte) func(*builder, rule.Option) error {
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
		b.addTx(fileWhole, func(_ *Worker, t *txView) bool {
			body, ok := httpFile(t)
			return ok && !body.Truncated && digests[string(sum(body.Data))] != negated
		})
		return nil
	}
}
