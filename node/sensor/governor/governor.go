package governor

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// LevelMax is the highest load level, that of the pipeline.
const LevelMax = 6

// Limits say what the process may use. A zero field is no limit.
type Limits struct {
	CPU    float64 // percent of all processors
	Memory float64 // percent of the machine's memory, or of the cgroup's limit
	Link   int     // bandwidth of the link upward, Mbit/s
	Upward float64 // percent of Link that uploads may use
}

// Rate is how many bytes a second may go upward, 0 for no limit.
func (l Limits) Rate() int64 {
	if l.Link <= 0 || l.Upward <= 0 {
		return 0
	}
	return int64(float64(l.Link) * 1e6 / 8 * l.Upward / 100)
}

// Reading is what the process uses, and of what.
type Reading struct {
	CPU        time.Duration // processor time since the process began
	Processors float64       // that it may use, by machine or cgroup
	Resident   uint64        // bytes
	Memory     uint64        // bytes of the machine, or the limit of the cgroup
}

// Status is what the governor shows.
type Status struct {
	Level     int     `json:"level"`
	CPU       float64 `json:"cpu"`    // percent, over the last second
	Memory    float64 `json:"memory"` // percent
	CPULimit  float64 `json:"cpu_limit,omitempty"`
	MemLimit  float64 `json:"memory_limit,omitempty"`
	Resident  uint64  `json:"resident_bytes"`
	Raised    uint64  `json:"raised"`  // times the level rose
	Lowered   uint64  `json:"lowered"` // and fell
	Failures  uint64  `json:"failures,omitempty"`
	Upward    uint64  `json:"upward_bytes"` // sent upward
	UpwardMax int64   `json:"upward_bytes_per_second,omitempty"`
	Waited    float64 `json:"upward_waited_seconds"` // by uploads for their turn
}

// Config is what a Governor needs.
type Config struct {
	Limits Limits
	Read   func() (Reading, error) // nil: Self
	// Memory is told the soft limit at the start, Free asked to give memory back; nil: the Go runtime.
	Memory func(bytes int64)
	Free   func()
	Clock  Clock
	Logger *slog.Logger
}

// Times and thresholds of the level.
const (
	tick      = time.Second
	riseAfter = 2  // ticks above the limit
	fallAfter = 10 // ticks below fallShare of it
	fallShare = 0.8
	softShare = 0.9 // of the memory limit is what the runtime is told: collections come before the limit
	freeEvery = 10  // ticks between two requests to give memory back
)

// Governor watches this process.
type Governor struct {
	cfg    Config
	level  atomic.Int32
	bucket *Bucket

	mu     sync.Mutex
	status Status

	last        Reading
	lastAt      time.Time
	above       int
	below       int
	sinceFree   int
	softLimited bool
}

// New returns a Governor; nothing runs before Run. The bucket works at once.
func New(cfg Config) *Governor {
	if cfg.Read == nil {
		cfg.Read = Self
	}
	if cfg.Memory == nil {
		cfg.Memory = setMemoryLimit
	}
	if cfg.Free == nil {
		cfg.Free = freeMemory
	}
	cfg.Clock.fill()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Governor{cfg: cfg, bucket: NewBucket(cfg.Limits.Rate(), cfg.Clock), sinceFree: freeEvery}
}

// Level is the present load level, 0 to LevelMax. It costs one atomic load.
func (g *Governor) Level() int {
	if g == nil {
		return 0
	}
	return int(g.level.Load())
}

// Bucket is what uploads take their turns from.
func (g *Governor) Bucket() *Bucket { return g.bucket }

// Status tells what is used and what followed from it.
func (g *Governor) Status() Status {
	g.mu.Lock()
	st := g.status
	g.mu.Unlock()
	st.Level = g.Level()
	st.CPULimit, st.MemLimit = g.cfg.Limits.CPU, g.cfg.Limits.Memory
	st.Upward, st.Waited = g.bucket.counts()
	st.UpwardMax = g.cfg.Limits.Rate()
	return st
}

// Run measures every second until ctx ends.
func (g *Governor) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		g.measure()
		g.cfg.Clock.Sleep(ctx, tick)
	}
	return nil
}

// measure takes one reading and moves the level.
func (g *Governor) measure() {
	r, err := g.cfg.Read()
	now := g.cfg.Clock.Now()
	if err != nil {
		g.mu.Lock()
		g.status.Failures++
		first := g.status.Failures == 1
		g.mu.Unlock()
		if first {
			g.cfg.Logger.Error("own use of the machine cannot be measured: its limits are not kept", "error", err)
		}
		return
	}
	if lim := g.cfg.Limits.Memory; lim > 0 && !g.softLimited && r.Memory > 0 {
		g.softLimited = true
		g.cfg.Memory(int64(float64(r.Memory) * lim / 100 * softShare))
	}
	var cpu, memory float64
	if passed := now.Sub(g.lastAt); !g.lastAt.IsZero() && passed > 0 && r.Processors > 0 {
		cpu = 100 * float64(r.CPU-g.last.CPU) / float64(passed) / r.Processors
	}
	if r.Memory > 0 {
		memory = 100 * float64(r.Resident) / float64(r.Memory)
	}
	first := g.lastAt.IsZero()
	g.last, g.lastAt = r, now
	g.mu.Lock()
	g.status.CPU, g.status.Memory, g.status.Resident = cpu, memory, r.Resident
	g.mu.Unlock()
	if !first {
		g.move(cpu, memory)
	}
}

// move decides about the level.
func (g *Governor) move(cpu, memory float64) {
	l := g.cfg.Limits
	over := l.CPU > 0 && cpu > l.CPU || l.Memory > 0 && memory > l.Memory
	under := (l.CPU == 0 || cpu < l.CPU*fallShare) && (l.Memory == 0 || memory <= l.Memory)
	g.sinceFree++
	if l.Memory > 0 && memory > l.Memory && g.sinceFree >= freeEvery {
		g.sinceFree = 0
		g.cfg.Free()
	}
	switch {
	case over:
		g.below = 0
		if g.above++; g.above >= riseAfter && g.Level() < LevelMax {
			g.above = 0
			g.set(g.Level()+1, cpu, memory)
		}
	case under:
		g.above = 0
		if g.below++; g.below >= fallAfter && g.Level() > 0 {
			g.below = 0
			g.set(g.Level()-1, cpu, memory)
		}
	default:
		g.above, g.below = 0, 0
	}
}

func (g *Governor) set(level int, cpu, memory float64) {
	before := g.Level()
	g.level.Store(int32(level))
	g.mu.Lock()
	if level > before {
		g.status.Raised++
	} else {
		g.status.Lowered++
	}
	g.mu.Unlock()
	g.cfg.Logger.Warn("the load level of packet inspection has changed", "level", level, "before", before,
		"cpu", fmt.Sprintf("%.1f%%", cpu), "memory", fmt.Sprintf("%.1f%%", memory))
}
