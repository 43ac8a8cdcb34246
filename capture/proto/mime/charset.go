package mime

import (
	"fmt"
	"io"

	"golang.org/x/text/encoding/htmlindex"
)

// charsetReader is for encoded words in a character set the standard library does not know (GB 18030, Big5, …).
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(charset)
	if err != nil {
		return nil, fmt.Errorf("character set %q: %w", charset, err)
	}
	return e.NewDecoder().Reader(r), nil
}

// toUTF8 converts from a named character set.
func toUTF8(charset string, b []byte) (string, bool) {
	e, err := htmlindex.Get(charset)
	if err != nil {
		return "", false
	}
	out, err := e.NewDecoder().Bytes(b)
	return string(out), err == nil
}
