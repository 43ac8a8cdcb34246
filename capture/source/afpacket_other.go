//go:build !linux

package source

import (
	"context"
	"fmt"
	"runtime"
)

// unavailable is a Source that says why it cannot capture.
type unavailable struct{ iface string }

// Live returns sources whose Run fails: live capture needs Linux.
func Live(iface string, rings int, _ LiveOptions) []Source {
	list := make([]Source, max(rings, 1))
	for i := range list {
		list[i] = unavailable{iface}
	}
	return list
}

// CheckInterface fails: live capture needs Linux.
func CheckInterface(iface string) error {
	return fmt.Errorf("capturing %s: %w: live capture needs Linux, this is %s; read a capture file instead", iface, ErrPlatform, runtime.GOOS)
}

// Run implements Source.
func (u unavailable) Run(context.Context, func(*Frame) error) error { return CheckInterface(u.iface) }

// Counters implements Source.
func (u unavailable) Counters() Counters { return Counters{} }
