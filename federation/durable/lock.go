package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// lockFile is the name LockDir creates inside the directory it locks.
const lockFile = "lock"

// InUseError says that another holder has the directory's lock.
type InUseError struct {
	Dir string
	PID int // process id of the holder as it wrote it; 0 when it could not be read
}

// Error names the directory and the process, and says what to do.
func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s: already in use by another process: stop it first, or give this one a directory of its own", e.Dir)
	}
	return fmt.Sprintf("%s: already in use by pid %d: stop it first, or give this one a directory of its own", e.Dir, e.PID)
}

// LockDir takes the lock of dir for this process, or fails at once with *InUseError
// naming who holds it. release gives it back and may be called more than once; the
// kernel gives it back when the process ends. A second LockDir of the same directory
// in the same process fails as well.
func LockDir(dir string) (release func() error, err error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	if err := flock(f); err != nil {
		if errors.Is(err, errLocked) {
			err = &InUseError{Dir: dir, PID: holder(f)}
		} else {
			err = fmt.Errorf("locking %s: %w", dir, err)
		}
		return nil, errors.Join(err, f.Close())
	}
	if err := writePID(f); err != nil {
		return nil, fmt.Errorf("locking %s: writing the process id: %w", dir, errors.Join(err, f.Close()))
	}
	return sync.OnceValue(func() error {
		// The content goes first: whoever looks after the unlock finds no stale holder.
		// The file stays: removing it would let two processes lock two different inodes.
		return errors.Join(f.Truncate(0), f.Close())
	}), nil
}

// writePID needs no flush: after a crash nobody holds the lock, whatever the file says.
func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder reads the process id in a lock file; 0 when there is none.
func holder(f *os.File) int {
	var b [24]byte
	n, _ := f.ReadAt(b[:], 0) // a short read is the normal case, an unreadable holder is "unknown"
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// errLocked is what flock returns when somebody else holds the lock.
var errLocked = errors.New("locked by another holder")
