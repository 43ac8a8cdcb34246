package dataset

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Load reads one value a line: base64 for strings, hexadecimal for digests, text for addresses; then, if scored, a comma and a number.
func (s *Set) Load(text string, scored bool) error {
	line := 0
	for row := range strings.Lines(text) {
		line++
		row = strings.TrimSpace(row)
		if row == "" || row[0] == '#' {
			continue
		}
		value, score, hasScore := strings.Cut(row, ",")
		raw, err := s.decode(strings.TrimSpace(value))
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		var reputation uint64
		if scored {
			if !hasScore {
				return fmt.Errorf("line %d: no score", line)
			}
			if reputation, err = strconv.ParseUint(strings.TrimSpace(score), 10, 16); err != nil {
				return fmt.Errorf("line %d: score %q is no number", line, score)
			}
		}
		s.put(string(raw), uint16(reputation))
	}
	return nil
}

func (s *Set) decode(text string) ([]byte, error) {
	switch s.Kind {
	case MD5, SHA256:
		return s.digest(text)
	case IPv4, IP:
		return s.address(text)
	}
	return base64.StdEncoding.DecodeString(text)
}

func (s *Set) digest(text string) ([]byte, error) {
	raw, err := hex.DecodeString(text)
	if err == nil && !s.Takes(raw) {
		err = fmt.Errorf("%d bytes are no %s", len(raw), s.Kind)
	}
	return raw, err
}

func (s *Set) address(text string) ([]byte, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return nil, err
	}
	addr = addr.Unmap()
	if s.Kind == IPv4 && !addr.Is4() {
		return nil, fmt.Errorf("%s is no IPv4 address", text)
	}
	return addr.AsSlice(), nil
}

// plain reads a value as JSON documents have it: strings are not encoded there.
func (s *Set) plain(text string) ([]byte, error) {
	switch s.Kind {
	case MD5, SHA256:
		return s.digest(text)
	case IPv4, IP:
		return s.address(text)
	}
	return []byte(text), nil
}

// errNoValue says that a file holds no value under the key that was asked for.
var errNoValue = errors.New("no element has the value key")

// LoadJSON reads a document: an array, or the array that arrayKey (names joined by dots) leads to, of objects with the value under valueKey. With lines
// every line is one object.
func (s *Set) LoadJSON(text, valueKey, arrayKey string, lines bool) error {
	if lines {
		return s.loadLines(text, valueKey)
	}
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return err
	}
	if arrayKey != "" {
		for _, key := range strings.Split(arrayKey, ".") {
			object, _ := doc.(map[string]any)
			doc = object[key]
		}
	}
	list, ok := doc.([]any)
	if !ok {
		return fmt.Errorf("%q leads to no array", arrayKey)
	}
	found := false
	for i, element := range list {
		had, err := s.element(element, valueKey)
		if err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
		found = found || had
	}
	if !found {
		return errNoValue
	}
	return nil
}

// lineBytesMax bounds one line of a file of JSON lines.
const lineBytesMax = 1 << 20

func (s *Set) loadLines(text, valueKey string) error {
	scan := bufio.NewScanner(strings.NewReader(text))
	scan.Buffer(nil, lineBytesMax)
	found := false
	for line := 1; scan.Scan(); line++ {
		if strings.TrimSpace(scan.Text()) == "" {
			continue
		}
		var element any
		err := json.Unmarshal(scan.Bytes(), &element)
		had := false
		if err == nil {
			had, err = s.element(element, valueKey)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		found = found || had
	}
	if err := scan.Err(); err != nil {
		return err
	}
	if !found {
		return errNoValue
	}
	return nil
}

// element takes the value of one object, or a bare string; had tells whether it has one.
func (s *Set) element(element any, valueKey string) (had bool, err error) {
	if object, ok := element.(map[string]any); ok {
		element = any(object)
		for _, key := range strings.Split(valueKey, ".") {
			object, _ := element.(map[string]any)
			element = object[key]
		}
	}
	text, ok := element.(string)
	if !ok {
		return false, nil
	}
	raw, err := s.plain(text)
	if err != nil {
		return false, err
	}
	s.put(string(raw), 0)
	return true, nil
}
