// Package transform holds the transforms a rule puts between a sticky buffer and its content: dotprefix, strip_whitespace, to_md5 and the rest.
//
// A Func appends the transformed bytes to dst and returns it; it never writes to its input. Funcs are pure and safe for concurrent use.
package transform

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // rules compare published MD5 and SHA-1 values; nothing is protected by them
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/pcre"
)

// Func transforms in.
type Func func(dst, in []byte) []byte

// plain are the transforms without argument. Never written.
var plain = map[string]Func{
	"dotprefix":            dotPrefix,
	"strip_whitespace":     stripWhitespace,
	"compress_whitespace":  compressWhitespace,
	"to_lowercase":         toLower,
	"to_uppercase":         toUpper,
	"to_md5":               func(dst, in []byte) []byte { h := md5.Sum(in); return append(dst, h[:]...) },  //nolint:gosec // see import
	"to_sha1":              func(dst, in []byte) []byte { h := sha1.Sum(in); return append(dst, h[:]...) }, //nolint:gosec // see import
	"to_sha256":            func(dst, in []byte) []byte { h := sha256.Sum256(in); return append(dst, h[:]...) },
	"url_decode":           urlDecode,
	"header_lowercase":     headerLower,
	"strip_pseudo_headers": stripPseudo,
	"domain":               domain,
	"tld":                  tld,
}

// withArgument are the transforms that take an argument. Never written.
var withArgument = []string{"from_base64", "gunzip", "pcrexform", "xor", "zlib_deflate"}

// Known tells whether name is a transform.
func Known(name string) bool { return slices.Contains(withArgument, name) || plain[name] != nil }

// Names lists the transforms.
func Names() []string {
	names := slices.Clone(withArgument)
	for name := range plain {
		names = append(names, name)
	}
	return names
}

// Parse gives the transform of a name with its argument.
func Parse(name, argument string, hasArgument bool) (Func, error) {
	switch name {
	case "xor":
		return parseXor(argument)
	case "pcrexform":
		return parsePcre(argument)
	case "from_base64":
		return parseBase64(argument)
	case "gunzip":
		return parseInflate(argument, openGzip)
	case "zlib_deflate":
		return parseInflate(argument, openZlib)
	}
	f := plain[name]
	if f == nil {
		return nil, fmt.Errorf("%q is not a transform", name)
	}
	if hasArgument {
		return nil, fmt.Errorf("%s takes no argument", name)
	}
	return f, nil
}

func dotPrefix(dst, in []byte) []byte { return append(append(dst, '.'), in...) }

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func stripWhitespace(dst, in []byte) []byte {
	for _, c := range in {
		if !isSpace(c) {
			dst = append(dst, c)
		}
	}
	return dst
}

func compressWhitespace(dst, in []byte) []byte {
	for i, c := range in {
		if !isSpace(c) || i == 0 || !isSpace(in[i-1]) {
			dst = append(dst, c)
		}
	}
	return dst
}

func toLower(dst, in []byte) []byte {
	for _, c := range in {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func toUpper(dst, in []byte) []byte {
	for _, c := range in {
		if c >= 'a' && c <= 'z' {
			c &^= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func urlDecode(dst, in []byte) []byte {
	for i := 0; i < len(in); i++ {
		c := in[i]
		if c == '+' {
			c = ' '
		} else if c == '%' && i+2 < len(in) {
			high, ok1 := hexDigit(in[i+1])
			low, ok2 := hexDigit(in[i+2])
			if ok1 && ok2 {
				c = high<<4 | low
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

// headerLower puts the names of a header block in lower case and leaves the values.
func headerLower(dst, in []byte) []byte {
	name := true
	for _, c := range in {
		switch {
		case c == ':':
			name = false
		case c == '\n':
			name = true
		case name && c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// stripPseudo removes the lines of HTTP/2 pseudo headers (those that begin with a colon).
func stripPseudo(dst, in []byte) []byte {
	for len(in) > 0 {
		line := in
		if end := bytes.IndexByte(in, '\n'); end >= 0 {
			line = in[:end+1]
		}
		in = in[len(line):]
		if line[0] != ':' {
			dst = append(dst, line...)
		}
	}
	return dst
}

func parseXor(argument string) (Func, error) {
	argument = strings.TrimSpace(argument)
	if argument == "" || len(argument)%2 != 0 || len(argument) > 510 {
		return nil, fmt.Errorf("xor key %q is not 1 to 255 bytes in hexadecimal", argument)
	}
	key := make([]byte, len(argument)/2)
	for i := range key {
		high, ok1 := hexDigit(argument[2*i])
		low, ok2 := hexDigit(argument[2*i+1])
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("xor key %q is not hexadecimal", argument)
		}
		key[i] = high<<4 | low
	}
	return func(dst, in []byte) []byte {
		for i, c := range in {
			dst = append(dst, c^key[i%len(key)])
		}
		return dst
	}, nil
}

// parsePcre gives the transform to what the first group of an expression captures (the whole match when it has none).
func parsePcre(argument string) (Func, error) {
	argument = strings.TrimSpace(argument)
	if len(argument) >= 2 && argument[0] == '"' && argument[len(argument)-1] == '"' {
		argument = argument[1 : len(argument)-1]
	}
	expr, err := pcre.CompileCapture(argument, pcre.Options{})
	if err != nil {
		return nil, err
	}
	return func(dst, in []byte) []byte {
		if out, ok := expr.First(in); ok {
			return append(dst, out...)
		}
		// No match leaves the buffer as it is.
		return append(dst, in...)
	}, nil
}

func parseBase64(argument string) (Func, error) {
	bytesMax, offset, mode := 0, 0, inspect.Base64RFC4648
	for _, part := range strings.Split(argument, ",") {
		fields := strings.Fields(part)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("%q: want bytes N, offset N or mode NAME", strings.TrimSpace(part))
		}
		switch fields[0] {
		case "bytes", "offset":
			var n int
			if _, err := fmt.Sscanf(fields[1], "%d", &n); err != nil || n < 0 || n > 65535 {
				return nil, fmt.Errorf("%q is not a number up to 65535", fields[1])
			}
			if fields[0] == "bytes" {
				bytesMax = n
			} else {
				offset = n
			}
		case "mode":
			switch fields[1] {
			case "rfc4648":
				mode = inspect.Base64RFC4648
			case "rfc2045":
				mode = inspect.Base64RFC2045
			case "strict":
				mode = inspect.Base64Strict
			default:
				return nil, fmt.Errorf("mode %q is not known", fields[1])
			}
		default:
			return nil, fmt.Errorf("%q is not known", fields[0])
		}
	}
	return func(dst, in []byte) []byte {
		start := len(dst)
		if offset < len(in) {
			data := in[offset:]
			if bytesMax > 0 && bytesMax < len(data) {
				data = data[:bytesMax]
			}
			dst = inspect.AppendBase64(dst, data, mode)
		}
		if len(dst) == start { // what does not decode stays as it is
			return append(dst, in...)
		}
		return dst
	}, nil
}
