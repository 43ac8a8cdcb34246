package source

import (
	"bytes"
	"io"
)

// bytesReader gives back bytes that were read to look at.
func bytesReader(b []byte) io.Reader { return bytes.NewReader(bytes.Clone(b)) }
