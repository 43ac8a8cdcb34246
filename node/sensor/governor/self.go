package governor

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

func setMemoryLimit(bytes int64) { debug.SetMemoryLimit(bytes) }

func freeMemory() { debug.FreeOSMemory() }

// cgroupLimits reads the files of a version 2 cgroup: processors (0 when not limited) and bytes (0 when not limited).
func cgroupLimits(cpuMax, memoryMax string) (processors float64, bytes uint64) {
	if quota, period, ok := strings.Cut(strings.TrimSpace(cpuMax), " "); ok {
		q, err1 := strconv.ParseFloat(quota, 64) // "max" is no number
		p, err2 := strconv.ParseFloat(period, 64)
		if err1 == nil && err2 == nil && q > 0 && p > 0 {
			processors = q / p
		}
	}
	bytes, _ = strconv.ParseUint(strings.TrimSpace(memoryMax), 10, 64) // "max" leaves 0
	return processors, bytes
}

// resident reads /proc/self/statm: its second number is resident pages.
func resident(statm string) (uint64, bool) {
	f := strings.Fields(statm)
	if len(f) < 2 {
		return 0, false
	}
	n, err := strconv.ParseUint(f[1], 10, 64)
	return n * uint64(os.Getpagesize()), err == nil
}

// total reads the machine's memory from /proc/meminfo.
func total(meminfo string) uint64 {
	for line := range strings.Lines(meminfo) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}

// text reads a small file of the kernel, "" when it is not there.
func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(b)
}

// limits combines machine and cgroup: the smaller of both counts.
func limits(meminfo, cpuMax, memoryMax string) (processors float64, memory uint64) {
	processors, memory = float64(runtime.NumCPU()), total(meminfo)
	p, m := cgroupLimits(cpuMax, memoryMax)
	if p > 0 {
		processors = min(processors, p)
	}
	if m > 0 && (memory == 0 || m < memory) {
		memory = m
	}
	return processors, memory
}

// ownGroup finds the folder of this process's version 2 cgroup from /proc/self/cgroup ("0::/path").
func ownGroup(list string) string {
	for line := range strings.Lines(list) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return "/sys/fs/cgroup" + path
		}
	}
	return "/sys/fs/cgroup"
}

// processorTime turns the kernel's seconds and microseconds into a duration.
func processorTime(userSec, userMicro, sysSec, sysMicro int64) time.Duration {
	return time.Duration(userSec+sysSec)*time.Second + time.Duration(userMicro+sysMicro)*time.Microsecond
}
