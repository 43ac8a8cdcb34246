package redis

import (
	"bytes"
	"strconv"
)

const (
	wordsMax  = 32
	wordMax   = 512
	depthMax  = 16
	lineMax   = 64 << 10
	elements  = 1 << 30
	bulkMax   = 1 << 30
	inlineMax = 4 << 10
)

// reply is what is kept of a message: its first type byte, words of its strings, and how much there was.
type reply struct {
	kind  byte
	words [][]byte
	count int64  // elements of the outermost aggregate
	cut   bool   // words or bytes were left out
	line  []byte // of simple strings, errors and numbers
	null  bool
}

// decoder reads values of one direction in any pieces.
type decoder struct {
	inline  bool    // lines without type are commands
	left    []int64 // elements still to come, by level
	skip    int64   // bytes of the current string still to come, with the line end
	word    []byte  // the current string as far as kept
	wordCut bool
	now     reply
	begun   bool
	attr    int // level of an attribute, which belongs to the value behind it: 0 none
}

// next reads from b. done tells that the message now is whole; ok is false when the bytes are no such protocol.
func (d *decoder) next(b []byte) (n int, done, ok bool) {
	for n < len(b) {
		if d.skip > 0 {
			k := min(d.skip, int64(len(b)-n))
			d.take(b[n : n+int(k)])
			n += int(k)
			if d.skip > 0 {
				return n, false, true
			}
			d.add(d.word, d.wordCut)
			if d.element() {
				return n, true, true
			}
			continue
		}
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			return n, false, len(b)-n <= lineMax
		}
		line := bytes.TrimSuffix(b[n:n+end], []byte{'\r'})
		n += end + 1
		whole, valid := d.value(line)
		if !valid {
			return n, false, false
		}
		if whole {
			return n, true, true
		}
	}
	return n, false, true
}

// take takes bytes of a string; the last two are its line end.
func (d *decoder) take(b []byte) {
	content := b[:max(0, min(int64(len(b)), d.skip-2))]
	d.skip -= int64(len(b))
	if room := wordMax - len(d.word); len(content) > room {
		content, d.wordCut = content[:room], true
	}
	d.word = append(d.word, content...)
}

func (d *decoder) add(word []byte, cut bool) {
	if len(d.now.words) >= wordsMax {
		d.now.cut = true
		return
	}
	d.now.cut = d.now.cut || cut
	d.now.words = append(d.now.words, append([]byte{}, word...))
}

// value reads a line that begins a value; whole tells that the message is complete with it.
func (d *decoder) value(line []byte) (whole, ok bool) {
	if !d.begun && len(line) == 0 && d.inline {
		return false, true
	}
	if len(line) == 0 {
		return false, false
	}
	kind, rest := line[0], line[1:]
	if !d.begun {
		d.begun = true
		d.now = reply{kind: kind}
	}
	switch kind {
	case '+', '-', ':', ',', '#', '(', '_':
		if len(d.left) == 0 {
			d.now.kind, d.now.line, d.now.null = kind, append([]byte(nil), rest[:min(len(rest), wordMax)]...), kind == '_'
		} else {
			d.add(rest[:min(len(rest), wordMax)], len(rest) > wordMax)
		}
		return d.element(), true
	case '$', '!', '=':
		n, err := strconv.ParseInt(string(rest), 10, 64)
		if err != nil || n < -1 || n > bulkMax {
			return false, false
		}
		if len(d.left) == 0 {
			d.now.kind = kind
		}
		if n < 0 {
			d.now.null = d.now.null || len(d.left) == 0
			return d.element(), true
		}
		d.skip, d.word, d.wordCut = n+2, d.word[:0], false
		return false, true
	case '*', '~', '>', '%', '|':
		return d.aggregate(kind, rest)
	}
	if d.inline && len(d.left) == 0 && len(line) <= inlineMax {
		d.now.kind = 0
		for _, w := range bytes.Fields(line) {
			d.add(w[:min(len(w), wordMax)], len(w) > wordMax)
		}
		d.begun = false
		return true, len(d.now.words) > 0
	}
	return false, false
}

func (d *decoder) aggregate(kind byte, rest []byte) (whole, ok bool) {
	n, err := strconv.ParseInt(string(rest), 10, 64)
	if err != nil || n < -1 || n > elements || len(d.left) >= depthMax {
		return false, false
	}
	if len(d.left) == 0 && kind != '|' {
		d.now.kind, d.now.count, d.now.null = kind, max(n, 0), n < 0
	}
	if kind == '%' || kind == '|' {
		n *= 2
	}
	if kind == '|' && n > 0 {
		if d.attr == 0 {
			d.attr = len(d.left) + 1
		}
		d.left = append(d.left, n)
		return false, true
	}
	if n <= 0 {
		return d.element(), true
	}
	d.left = append(d.left, n)
	return false, true
}

// element counts a finished value and tells whether the message is complete with it.
func (d *decoder) element() bool {
	for len(d.left) > 0 {
		top := len(d.left) - 1
		if d.left[top]--; d.left[top] > 0 {
			return false
		}
		d.left = d.left[:top]
		if d.attr == top+1 { // its value follows
			d.attr = 0
			return false
		}
	}
	d.begun = false
	return true
}

func (d *decoder) reset() { *d = decoder{inline: d.inline} }
