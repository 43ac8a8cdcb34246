package governor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Self reads what this process uses.
func Self() (Reading, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return Reading{}, fmt.Errorf("reading processor time: %w", err)
	}
	rss, ok := resident(text("/proc/self/statm"))
	if !ok {
		return Reading{}, errors.New("reading /proc/self/statm: no resident memory in it")
	}
	group := ownGroup(text("/proc/self/cgroup"))
	r := Reading{CPU: processorTime(u.Utime.Sec, u.Utime.Usec, u.Stime.Sec, u.Stime.Usec), Resident: rss}
	r.Processors, r.Memory = limits(text("/proc/meminfo"), text(group+"/cpu.max"), text(group+"/memory.max"))
	return r, nil
}
