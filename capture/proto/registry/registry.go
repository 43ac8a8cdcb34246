package registry

import (
	"fengsui/capture/proto"
)

// Limits bound what parsers keep.
type Limits struct{}

// Protocols returns the list.
func Protocols(l Limits) []proto.Protocol { return nil }
