package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
)

// coding is a content coding we undo.
type coding uint8

const (
	plain coding = iota
	gzipped
	deflated
	other // known to be encoded, not undone
)

// body gathers one message body.
type body struct {
	to       *Body
	limits   *Limits
	codings  [codingsMax]coding
	coded    bool
	encoded  []byte // while coded
	decoding bool   // decoded already
}

// start prepares for a body with the given Content-Encoding value. It reports an anomaly name or "".
func (g *body) start(to *Body, contentEncoding []byte, l *Limits) (anomaly string) {
	*g = body{to: to, limits: l, encoded: g.encoded[:0]}
	n := 0
	for len(contentEncoding) > 0 {
		var word []byte
		word, contentEncoding, _ = bytes.Cut(contentEncoding, []byte{','})
		c, known := parseCoding(bytes.TrimSpace(word))
		if !known {
			anomaly = "abnormal_ce_header"
		}
		if c == plain {
			continue
		}
		if n == codingsMax {
			return "too_many_encoding_layers"
		}
		g.codings[n] = c
		n++
	}
	g.coded = n > 0
	for _, c := range g.codings[:n] {
		if c == other {
			g.coded = false // shown as sent
		}
	}
	return anomaly
}

func parseCoding(w []byte) (coding, bool) {
	switch {
	case len(w) == 0 || equalFold(w, "identity") || equalFold(w, "none"):
		return plain, true
	case equalFold(w, "gzip") || equalFold(w, "x-gzip"):
		return gzipped, true
	case equalFold(w, "deflate") || equalFold(w, "x-deflate"):
		return deflated, true
	case bytes.Contains(bytes.ToLower(w), []byte("gzip")):
		return gzipped, false
	case bytes.Contains(bytes.ToLower(w), []byte("deflate")):
		return deflated, false
	case equalFold(w, "br") || equalFold(w, "zstd") || equalFold(w, "compress") || equalFold(w, "lzma"):
		return other, true
	}
	return plain, false
}

// write takes bytes of the body, transfer coding undone.
func (g *body) write(b []byte) {
	g.to.Wire += uint64(len(b))
	if !g.coded {
		g.show(b)
		return
	}
	if g.decoding {
		return
	}
	room := g.limits.EncodedBytesMax - len(g.encoded)
	if len(b) > room {
		g.encoded = append(g.encoded, b[:room]...)
		g.to.Truncated = true
		g.decode()
		return
	}
	g.encoded = append(g.encoded, b...)
}

// show adds plain bytes to what is kept.
func (g *body) show(b []byte) {
	g.to.Total += uint64(len(b))
	room := g.limits.BodyBytesMax - len(g.to.Data)
	if len(b) > room {
		g.to.Truncated = true
		b = b[:max(room, 0)]
	}
	g.to.Data = append(g.to.Data, b...)
}

// finish ends the body. It reports an anomaly name or "".
func (g *body) finish() string {
	if g.to == nil || g.to.Done {
		return ""
	}
	g.to.Done = true
	if g.coded && !g.decoding && len(g.encoded) > 0 {
		return g.decode()
	}
	return ""
}

// decode undoes the codings of what has gathered, last one first.
func (g *body) decode() string {
	g.decoding = true
	var r io.Reader = bytes.NewReader(g.encoded)
	for i := codingsMax - 1; i >= 0; i-- {
		var err error
		switch g.codings[i] {
		case gzipped:
			r, err = ungzip(r)
		case deflated:
			r = inflate(r)
		}
		if err != nil { // not encoded at all, as some servers do
			g.show(g.encoded)
			return "gzip_decompression_failed"
		}
	}
	var buf [decodeOutputStep]byte
	for g.to.Total <= uint64(g.limits.BodyBytesMax) {
		n, err := r.Read(buf[:])
		g.show(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) && g.to.Total == 0 {
				g.show(g.encoded)
				return "gzip_decompression_failed"
			}
			break
		}
	}
	g.encoded = nil
	return ""
}

func ungzip(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	z.Multistream(true)
	return z, nil
}

// inflate undoes "deflate", which is zlib by the standard and bare DEFLATE by many servers.
func inflate(r io.Reader) io.Reader {
	all, err := io.ReadAll(io.LimitReader(r, 256<<10))
	if err != nil && len(all) == 0 {
		return bytes.NewReader(nil)
	}
	if z, err := zlib.NewReader(bytes.NewReader(all)); err == nil {
		return z
	}
	return flate.NewReader(bytes.NewReader(all))
}
