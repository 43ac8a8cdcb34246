//go:build !libpcap

package source

import (
	"context"
	"fmt"
)

// Libpcap returns a source whose Run fails: this program was built without libpcap.
func Libpcap(iface string, _ LiveOptions) Source { return noLibpcap{iface} }

type noLibpcap struct{ iface string }

// Run implements Source.
func (s noLibpcap) Run(context.Context, func(*Frame) error) error {
	return fmt.Errorf("capturing %s: %w: built without libpcap; build with: go build -tags libpcap", s.iface, ErrPlatform)
}

// Counters implements Source.
func (s noLibpcap) Counters() Counters { return Counters{} }
