package records

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"fengsui/cascade/upload"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
)

// A position is base64url of: version(1)=1, then per lane: n(1) origin(n) class(1) uvarint epoch, uvarint sequence.
const (
	positionVersion  = 1
	positionBytesMax = 96 << 10
)

// errPosition means a text is not a position this program made.
var errPosition = errors.New("not a position of this site's ledger")

// encodePosition writes a cursor, lanes in a fixed order.
func encodePosition(c upload.Cursor) string {
	keys := make([]upload.LaneKey, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareLanes)
	b := []byte{positionVersion}
	for _, k := range keys {
		b = append(b, byte(len(k.Origin)))
		b = append(b, k.Origin...)
		b = append(b, byte(k.Class))
		b = binary.AppendUvarint(b, uint64(k.Epoch))
		b = binary.AppendUvarint(b, c[k])
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodePosition reads what encodePosition wrote; it comes back from outside, so nothing in it is believed.
func decodePosition(s string) (upload.Cursor, error) {
	if len(s) > positionBytesMax {
		return nil, errPosition
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 || b[0] != positionVersion {
		return nil, errPosition
	}
	c := upload.Cursor{}
	for b = b[1:]; len(b) > 0; {
		n := int(b[0])
		if len(b) < 1+n+1 {
			return nil, errPosition
		}
		origin, err := identity.ParseSite(string(b[1 : 1+n]))
		if err != nil {
			return nil, errPosition
		}
		k := upload.LaneKey{Origin: origin, Class: wire.Class(b[1+n])}
		b = b[2+n:]
		epoch, n := binary.Uvarint(b)
		if n <= 0 || epoch == 0 || epoch > 1<<32-1 {
			return nil, errPosition
		}
		k.Epoch = uint32(epoch)
		b = b[n:]
		seq, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errPosition
		}
		b = b[n:]
		c[k] = seq
	}
	return c, nil
}

func compareLanes(a, b upload.LaneKey) int {
	if c := strings.Compare(string(a.Origin), string(b.Origin)); c != 0 {
		return c
	}
	if a.Epoch != b.Epoch {
		return int(min(a.Epoch, 1<<30)) - int(min(b.Epoch, 1<<30))
	}
	return int(a.Class) - int(b.Class)
}
