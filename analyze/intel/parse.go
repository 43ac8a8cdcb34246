package intel

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// lineBytesMax bounds a line.
const lineBytesMax = 8 << 10

// Problem is a line that is no indicator. Line and Column count from 1, Column in bytes.
type Problem struct {
	File   string
	Line   int
	Column int
	Reason string
}

// Error is "file:line:column: reason".
func (p *Problem) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Reason)
}

// Parse reads a list. The set holds what could be read; problems are in the order of lines.
func Parse(file, text string) (*Set, []Problem) {
	s := newSet()
	var problems []Problem
	for number := 1; text != ""; number++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		x, column, err := parseLine(strings.TrimRight(line, "\r"))
		if err != nil {
			problems = append(problems, Problem{File: file, Line: number, Column: column, Reason: err.Error()})
			continue
		}
		if x != nil {
			s.add(x) // a value that is listed twice says nothing new
		}
	}
	s.seal()
	return s, problems
}

// words cuts a line into words; a word may hold a quoted part. # outside quotes starts a comment.
func words(line string) (list []string, columns []int) {
	at := 0
	for at < len(line) {
		c := line[at]
		if c == ' ' || c == '\t' {
			at++
			continue
		}
		if c == '#' {
			return list, columns
		}
		start, quoted := at, false
		for at < len(line) && (quoted || line[at] != ' ' && line[at] != '\t') {
			if line[at] == '"' {
				quoted = !quoted
			}
			at++
		}
		list = append(list, line[start:at])
		columns = append(columns, start+1)
	}
	return list, columns
}

// parseLine reads one line; the indicator is nil when the line is blank.
func parseLine(line string) (x *Indicator, column int, err error) {
	if len(line) > lineBytesMax {
		return nil, 1, fmt.Errorf("line is longer than %d bytes", lineBytesMax)
	}
	list, columns := words(line)
	if len(list) == 0 {
		return nil, 0, nil
	}
	kind := kindCount
	for k, name := range kindNames {
		if strings.EqualFold(list[0], name) {
			kind = Kind(k)
		}
	}
	if kind == kindCount {
		return nil, columns[0], fmt.Errorf("type %q is not one of %s", list[0], strings.Join(kindNames[:], ", "))
	}
	if len(list) < 2 {
		return nil, columns[0] + len(list[0]), fmt.Errorf("%s without a value", kind)
	}
	x = &Indicator{Kind: kind, Severity: 2}
	if x.Value, err = normalize(kind, list[1]); err != nil {
		return nil, columns[1], err
	}
	if kind == CIDR && !strings.Contains(x.Value, "/") {
		x.Kind = IP
	}
	for i := 2; i < len(list); i++ {
		if err := x.field(list[i]); err != nil {
			return nil, columns[i], err
		}
	}
	return x, 0, nil
}

func (x *Indicator) field(word string) error {
	key, value, ok := strings.Cut(word, "=")
	if !ok {
		return fmt.Errorf("%q is not key=value", word)
	}
	if strings.HasPrefix(value, `"`) {
		if len(value) < 2 || !strings.HasSuffix(value, `"`) {
			return fmt.Errorf("quote of %s has no end", key)
		}
		value = value[1 : len(value)-1]
	}
	switch key {
	case "severity":
		if len(value) != 1 || value[0] < '1' || value[0] > '4' {
			return fmt.Errorf("severity %q is not 1 to 4", value)
		}
		x.Severity = int(value[0] - '0')
	case "name":
		x.Name = value
	case "source":
		x.Source = value
	case "confidence":
		x.Confidence = value
	default:
		return fmt.Errorf("field %q is not severity, name, source or confidence", key)
	}
	return nil
}

func normalize(kind Kind, text string) (string, error) {
	switch kind {
	case IP:
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return "", fmt.Errorf("%q is not an address", text)
		}
		return a.Unmap().String(), nil
	case CIDR:
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return "", fmt.Errorf("%q is not a network", text)
		}
		if p.Masked() != p {
			return "", fmt.Errorf("%q has bits set behind its length: did you mean %s?", text, p.Masked())
		}
		return p.String(), nil
	case Domain:
		return normalizeDomain(text)
	case URL:
		return normalizeURL(text)
	case JA3, HASSH, MD5:
		return normalizeHex(text, 16)
	case SHA1:
		return normalizeHex(text, 20)
	case SHA256, SM3:
		return normalizeHex(text, 32)
	}
	if parts := strings.Split(text, "_"); len(parts) != 3 || len(parts[0]) != 10 || len(parts[1]) != 12 || len(parts[2]) != 12 {
		return "", fmt.Errorf("%q is not a JA4 fingerprint", text)
	}
	return strings.ToLower(text), nil
}

func normalizeHex(text string, size int) (string, error) {
	text = strings.ToLower(text)
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != size {
		return "", fmt.Errorf("%q is not %d hexadecimal digits", text, 2*size)
	}
	return text, nil
}

func normalizeDomain(text string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(text, "*."), "."))
	if name == "" || len(name) > 253 {
		return "", fmt.Errorf("%q is not a domain name", text)
	}
	for _, label := range strings.Split(name, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("%q is not a domain name", text)
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`/:@"'\`, c) >= 0 {
				return "", fmt.Errorf("%q is not a domain name: write other scripts in punycode", text)
			}
		}
	}
	if !strings.Contains(name, ".") {
		return "", fmt.Errorf("%q is a top-level domain: it would match everything below it", text)
	}
	return name, nil
}

// normalizeURL keeps host and path with query: the scheme is what the traffic shows.
func normalizeURL(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%q is not an http or https URL", text)
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return strings.ToLower(u.Hostname()) + path, nil
}
