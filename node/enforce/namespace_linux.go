package enforce

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// newNamespace makes a fresh network namespace and returns what keeps it alive. It is made on an operating system thread that
// is never used for anything else: the thread is locked, enters the namespace, and ends with the goroutine.
func newNamespace() (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	done := make(chan result, 1)
	go func() { // ends at once; the caller waits for it
		runtime.LockOSThread() // never unlocked: Go ends the thread with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- result{nil, fmt.Errorf("make a network namespace: %w", err)}
			return
		}
		f, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		if err != nil {
			err = fmt.Errorf("hold the network namespace: %w", err)
		}
		done <- result{f, err}
	}()
	r := <-done
	if errors.Is(r.err, unix.EPERM) {
		return nil, &Refusal{ErrCapability, "a private network namespace takes CAP_SYS_ADMIN, which the process lacks"}
	}
	return r.file, r.err
}
