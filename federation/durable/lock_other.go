//go:build !linux

package durable

import (
	"errors"
	"fmt"
	"os"
)

// flock is Linux-only: without it two processes could share one data directory.
func flock(*os.File) error {
	return fmt.Errorf("directory locks exist on Linux only: %w", errors.ErrUnsupported)
}

// FreeSpace is Linux-only.
func FreeSpace(path string) (uint64, error) {
	return 0, &os.PathError{Op: "statfs", Path: path, Err: errors.ErrUnsupported}
}
