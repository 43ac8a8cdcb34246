package filter

import "golang.org/x/net/bpf"

// cond is a condition over a packet: a test, or conditions joined.
type cond struct {
	op   condOp
	list []*cond // condAnd, condOr; one for condNot

	load []bpf.Instruction // leaves what is compared in A, and in X when x is set
	jump bpf.JumpTest
	val  uint32
	x    bool
}

type condOp uint8

const (
	condTest condOp = iota
	condAnd
	condOr
	condNot
	condTrue
	condFalse
)

func always() *cond { return &cond{op: condTrue} }
func never() *cond  { return &cond{op: condFalse} }

func all(list ...*cond) *cond  { return &cond{op: condAnd, list: list} }
func some(list ...*cond) *cond { return &cond{op: condOr, list: list} }
func not(c *cond) *cond        { return &cond{op: condNot, list: []*cond{c}} }

// absolute tests size bytes at a fixed offset: masked, equal to val.
func absolute(off, size int, mask, val uint32) *cond {
	c := &cond{load: []bpf.Instruction{bpf.LoadAbsolute{Off: uint32(off), Size: size}}, jump: bpf.JumpEqual, val: val}
	if mask != 0xffffffff>>(32-8*size) {
		c.load = append(c.load, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
	}
	return c
}

const (
	// programMax is the kernel's limit.
	programMax = 4096
	accept     = -1
	reject     = -2
)

// step is one instruction with symbolic targets.
type step struct {
	ins  bpf.Instruction // nil: a jump
	jump bpf.JumpTest
	val  uint32
	x    bool
	t, f int // labels; equal for an unconditional jump
}

// emitter turns conditions into code. Labels are numbers; marks[l] is the index of the step a label stands before.
type emitter struct {
	steps []step
	marks []int
}

func (e *emitter) label() int {
	e.marks = append(e.marks, -1)
	return len(e.marks) - 1
}

func (e *emitter) mark(l int) { e.marks[l] = len(e.steps) }

// emit writes c so that control goes on at t when it holds, else at f. All jumps lead forward.
func (e *emitter) emit(c *cond, t, f int) {
	switch c.op {
	case condTrue:
		e.steps = append(e.steps, step{t: t, f: t})
	case condFalse:
		e.steps = append(e.steps, step{t: f, f: f})
	case condNot:
		e.emit(c.list[0], f, t)
	case condAnd, condOr:
		for i, sub := range c.list {
			if i == len(c.list)-1 {
				e.emit(sub, t, f)
				return
			}
			next := e.label()
			if c.op == condAnd {
				e.emit(sub, next, f)
			} else {
				e.emit(sub, t, next)
			}
			e.mark(next)
		}
	default:
		for _, ins := range c.load {
			e.steps = append(e.steps, step{ins: ins})
		}
		e.steps = append(e.steps, step{jump: c.jump, val: c.val, x: c.x, t: t, f: f})
	}
}

// assemble resolves labels. It works from the end: every target is known when its jump is written. Conditional jumps
// reach 255 instructions; where a target is farther an unconditional jump is put between. (t and f of the program are
// labels 0 and 1.)
func (e *emitter) assemble(snapLen uint32) []bpf.Instruction {
	var out []bpf.Instruction // backward
	out = append(out, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: snapLen})
	place := make([]int, len(e.marks)) // instructions from the label to the end
	place[1], place[0] = 1, 2
	at := map[int][]int{}
	for l, i := range e.marks {
		if l > 1 && i >= 0 {
			at[i] = append(at[i], l)
		}
	}
	for i := len(e.steps); i >= 0; i-- {
		if i < len(e.steps) {
			s := e.steps[i]
			if s.ins != nil {
				out = append(out, s.ins)
			} else {
				out = s.append(out, place)
			}
		}
		for _, l := range at[i] {
			place[l] = len(out)
		}
		if len(out) > programMax {
			return nil
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func (s step) append(out []bpf.Instruction, place []int) []bpf.Instruction {
	if s.t == s.f {
		if d := len(out) - place[s.t]; d > 0 {
			out = append(out, bpf.Jump{Skip: uint32(d)})
		}
		return out
	}
	t, f := place[s.t], place[s.f]
	if len(out)-t > 250 {
		out = append(out, bpf.Jump{Skip: uint32(len(out) - t)})
		t = len(out)
	}
	if len(out)-f > 250 {
		out = append(out, bpf.Jump{Skip: uint32(len(out) - f)})
		f = len(out)
	}
	skipT, skipF := uint8(len(out)-t), uint8(len(out)-f)
	if s.x {
		return append(out, bpf.JumpIfX{Cond: s.jump, SkipTrue: skipT, SkipFalse: skipF})
	}
	return append(out, bpf.JumpIf{Cond: s.jump, Val: s.val, SkipTrue: skipT, SkipFalse: skipF})
}
