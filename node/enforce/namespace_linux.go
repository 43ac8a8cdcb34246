package enforce

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// inNewNamespace runs f in a fresh network namespace, on an operating system thread that is never used for anything else: the
// thread is locked, enters the namespace, and ends with the goroutine. What f opens there keeps the namespace alive. Entering and
// leaving it from ordinary threads would not do: in a user namespace of one's own there is no way back.
func inNewNamespace(f func() error) error {
	done := make(chan error, 1)
	go func() { // ends at once; the caller waits for it
		runtime.LockOSThread() // never unlocked: Go ends the thread with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("make a network namespace: %w", err)
			return
		}
		done <- f()
	}()
	err := <-done
	if errors.Is(err, unix.EPERM) {
		return &Refusal{ErrCapability, "a private network namespace takes CAP_SYS_ADMIN, which the process lacks"}
	}
	return err
}
