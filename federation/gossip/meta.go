package gossip

import (
	"errors"
	"fmt"

	"github.com/hashicorp/memberlist"
)

// MetaBytesMax is memberlist's bound on the encoded metadata of a node.
const MetaBytesMax = memberlist.MetaMaxSize

const (
	metaVersion    = 1
	metaFieldMax   = 255
	metaFieldCount = 3
)

// Errors of the metadata codec.
var (
	ErrMetaSize      = errors.New("node metadata too long")
	ErrMetaMalformed = errors.New("malformed node metadata")
)

// Meta is what a node says about itself. It is believed as far as the site's nodes believe each other.
type Meta struct {
	Addr    string // where its link is reached, host:port
	Version string // of the program
	Role    string // free word, such as voter or probe
}

// Encode gives the wire form.
func (m Meta) Encode() ([]byte, error) {
	fields := [metaFieldCount]string{m.Addr, m.Version, m.Role}
	b := []byte{metaVersion}
	for i, f := range fields {
		if len(f) > metaFieldMax {
			return nil, fmt.Errorf("%w: field %d has %d bytes, at most %d", ErrMetaSize, i, len(f), metaFieldMax)
		}
		b = append(append(b, byte(len(f))), f...)
	}
	if len(b) > MetaBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMetaSize, len(b), MetaBytesMax)
	}
	return b, nil
}

// ParseMeta reads the wire form.
func ParseMeta(b []byte) (Meta, error) {
	if len(b) == 0 || len(b) > MetaBytesMax {
		return Meta{}, fmt.Errorf("%w: %d bytes", ErrMetaMalformed, len(b))
	}
	if b[0] != metaVersion {
		return Meta{}, fmt.Errorf("%w: version %d", ErrMetaMalformed, b[0])
	}
	var fields [metaFieldCount]string
	at := 1
	for i := range fields {
		if at >= len(b) || at+1+int(b[at]) > len(b) {
			return Meta{}, fmt.Errorf("%w: field %d at offset %d runs past the end", ErrMetaMalformed, i, at)
		}
		fields[i] = string(b[at+1 : at+1+int(b[at])])
		at += 1 + int(b[at])
	}
	return Meta{Addr: fields[0], Version: fields[1], Role: fields[2]}, nil
}
