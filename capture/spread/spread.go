package spread

import (
	"context"
	"fmt"
	"sync"
	"time"

	"fengsui/capture/packet"
	"fengsui/capture/source"
)

// Worker takes the frames of its share; a *pipeline.Pipeline is one.
type Worker interface {
	// FrameAt takes a frame and its number in the source. The frame's bytes are valid until it returns.
	FrameAt(number uint64, f *source.Frame)
	// Tick moves the clock while nothing arrives.
	Tick(now time.Time)
	// Flush ends all flows.
	Flush()
}

const (
	batchFrames = 512
	batchBytes  = 256 << 10
	queueMax    = 8
	// WorkersMax bounds the workers of a Spread.
	WorkersMax = 255
)

// batch is frames on their way to a worker, with the bytes they refer to.
type batch struct {
	frames  []source.Frame
	numbers []uint64
	bytes   []byte
}

// share is what a Spread keeps for a worker.
type share struct {
	worker Worker
	queue  chan *batch
	fill   *batch // not sent yet
	given  uint64 // bytes
}

// Spread parts a source over workers.
type Spread struct {
	shares []*share
	order  order
	free   chan *batch
	owner  [1 << 16]uint8 // worker of a pair of addresses, plus one
	layers [packet.TunnelDepthMax + 2]packet.Packet
	number uint64
	loose  bool // see Unordered
}

// New makes a Spread over workers, at least one and at most WorkersMax.
func New(workers []Worker) (*Spread, error) {
	if len(workers) == 0 || len(workers) > WorkersMax {
		return nil, fmt.Errorf("spread over %d workers: want 1 to %d", len(workers), WorkersMax)
	}
	s := &Spread{free: make(chan *batch, len(workers)*(queueMax+2))}
	for _, w := range workers {
		s.shares = append(s.shares, &share{worker: w, queue: make(chan *batch, queueMax)})
	}
	s.order.init(len(workers))
	return s, nil
}

// Gate gives the function that worker i calls before it uses what it shares with others. It returns when every other worker is past all packets before the one
// that worker i is at.
func (s *Spread) Gate(i int) func() {
	return func() { s.order.wait(i) }
}

// Unordered lets workers end their flows at the same time. Callers that give no Gate either have each worker use what it shares as it gets there,
// as workers of live rings do: faster, but which of several packets uses up a host's threshold then differs from run to run.
func (s *Spread) Unordered() { s.loose = true }

// Run reads src to its end, or until ctx is cancelled, and flushes the workers. The error is the source's. It is called once for each source;
// numbers of frames go on from one to the next.
func (s *Spread) Run(ctx context.Context, src source.Source) error {
	s.order.start(s.number)
	var group sync.WaitGroup
	for i := range s.shares {
		s.shares[i].queue = make(chan *batch, queueMax)
		group.Go(func() { s.work(i) })
	}
	err := src.Run(ctx, func(f *source.Frame) error {
		s.frame(f)
		return nil
	})
	for i := range s.shares {
		s.send(i)
	}
	s.order.reach(s.number + 1)
	for _, x := range s.shares {
		close(x.queue)
	}
	group.Wait()
	s.flush()
	if err != nil {
		return fmt.Errorf("reading packets: %w", err)
	}
	return nil
}

// flush ends all flows, in order one worker after the other.
func (s *Spread) flush() {
	var group sync.WaitGroup
	for i, x := range s.shares {
		if s.loose {
			group.Go(x.worker.Flush)
			continue
		}
		s.order.flushing(i)
		x.worker.Flush()
	}
	group.Wait()
}

// frame hands a frame to its worker's batch.
func (s *Spread) frame(f *source.Frame) {
	if len(f.Data) == 0 && f.OrigLen == 0 { // only the time: all want to know, and soon
		for i := range s.shares {
			s.add(i, 0, f)
			s.send(i)
		}
		s.order.reach(s.number + 1)
		return
	}
	s.number++
	i := s.pick(f)
	s.add(i, s.number, f)
	if b := s.shares[i].fill; len(b.frames) >= batchFrames || len(b.bytes) >= batchBytes {
		s.send(i)
		s.order.reach(s.unsent())
	}
}

func (s *Spread) add(i int, number uint64, f *source.Frame) {
	x := s.shares[i]
	if x.fill == nil {
		select {
		case x.fill = <-s.free:
		default:
			x.fill = &batch{bytes: make([]byte, 0, batchBytes+1<<16)}
		}
	}
	b := x.fill
	at := len(b.bytes)
	b.bytes = append(b.bytes, f.Data...)
	b.frames = append(b.frames, *f)
	b.frames[len(b.frames)-1].Data = b.bytes[at:len(b.bytes):len(b.bytes)]
	b.numbers = append(b.numbers, number)
}

// send gives a worker its batch. When its queue is full the others get theirs first: a worker may be waiting for them.
func (s *Spread) send(i int) {
	x := s.shares[i]
	if x.fill == nil {
		return
	}
	b := x.fill
	x.fill = nil
	s.order.sent(i, b.numbers)
	select {
	case x.queue <- b:
		return
	default:
	}
	for k := range s.shares {
		if y := s.shares[k]; k != i && y.fill != nil {
			other := y.fill
			y.fill = nil
			s.order.sent(k, other.numbers)
			y.queue <- other
		}
	}
	s.order.reach(s.number + 1)
	x.queue <- b
}

// unsent is the lowest number that no worker has been sent yet.
func (s *Spread) unsent() uint64 {
	low := s.number + 1
	for _, x := range s.shares {
		if x.fill != nil && len(x.fill.numbers) > 0 {
			low = min(low, x.fill.numbers[0])
		}
	}
	return low
}

// work is the goroutine of worker i.
func (s *Spread) work(i int) {
	x := s.shares[i]
	for b := range x.queue {
		for k := range b.frames {
			if n := b.numbers[k]; n > 0 {
				s.order.begin(i, n)
				x.worker.FrameAt(n, &b.frames[k])
			} else {
				x.worker.Tick(b.frames[k].Time)
			}
		}
		s.order.done(i, b.numbers)
		b.frames, b.numbers, b.bytes = b.frames[:0], b.numbers[:0], b.bytes[:0]
		select {
		case s.free <- b:
		default:
		}
	}
}

// pick chooses the worker of a frame.
func (s *Spread) pick(f *source.Frame) int {
	if len(s.shares) == 1 {
		return 0
	}
	p := &s.layers[0]
	p.Decode(f.Time, f.Data, f.OrigLen, f.Link)
	for k := 1; k < len(s.layers) && p.DecodeInner(&s.layers[k]); k++ {
		p = &s.layers[k]
	}
	i := 0
	if h, ok := pairOf(p); ok {
		slot := &s.owner[h]
		if *slot == 0 {
			for k, x := range s.shares {
				if x.given < s.shares[i].given {
					i = k
				}
			}
			*slot = uint8(i + 1)
		}
		i = int(*slot) - 1
	}
	s.shares[i].given += uint64(len(f.Data))
	return i
}
