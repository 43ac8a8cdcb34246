//go:build !linux

package enforce

import "runtime"

func rulesWanted(uint16) int { return 0 }

func openKernel(string) (kernel, error) {
	return nil, &Refusal{ErrUnsupported, "nftables is a part of Linux and this is " + runtime.GOOS}
}
