//go:build !linux

package governor

import "errors"

// Self fails: only Linux tells what a process uses in the way this package reads it.
func Self() (Reading, error) {
	return Reading{}, errors.New("own use of the machine is measured on Linux only")
}
