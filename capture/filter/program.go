package filter

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
)

// Program is a compiled filter.
type Program struct {
	raw []bpf.RawInstruction
}

func newProgram(code []bpf.Instruction) (*Program, error) {
	raw, err := bpf.Assemble(code)
	if err != nil {
		return nil, fmt.Errorf("assembling filter: %w", err)
	}
	return &Program{raw}, nil
}

// Raw returns the program for a socket. It must not be changed.
func (p *Program) Raw() []bpf.RawInstruction { return p.raw }

// Operations of the machine, as the kernel numbers them (linux/filter.h). All jumps lead forward, so a run ends.
const (
	opLdImm, opLdxImm            = 0x00, 0x01
	opLdAbsW, opLdAbsH, opLdAbsB = 0x20, 0x28, 0x30
	opLdIndW, opLdIndH, opLdIndB = 0x40, 0x48, 0x50
	opLdMem, opLdxMem            = 0x60, 0x61
	opLdLen, opLdxMsh            = 0x80, 0xb1
	opSt, opStx                  = 0x02, 0x03
	opTax, opTxa, opNeg          = 0x07, 0x87, 0x84
	opRetK, opRetA, opJa         = 0x06, 0x16, 0x05
	extensions                   = 0xfffff000 // loads from here on ask the kernel
)

// Match runs the program over a frame of a file; wireLen is its length before it was cut. Bytes that are not there refuse
// the frame, as in the kernel.
func (p *Program) Match(b []byte, wireLen int) bool {
	var a, x uint32
	var mem [scratchSlots]uint32
	for pc := 0; pc < len(p.raw); pc++ {
		in := &p.raw[pc]
		switch in.Op {
		case opLdImm:
			a = in.K
		case opLdxImm:
			x = in.K
		case opLdAbsW, opLdAbsH, opLdAbsB, opLdIndW, opLdIndH, opLdIndB:
			off := uint64(in.K)
			if in.Op >= opLdIndW {
				off += uint64(x)
			}
			size := uint64(4) >> ((in.Op & 0x18) >> 3) // W 0, H 8, B 16
			if off+size > uint64(len(b)) || in.K >= extensions {
				return false
			}
			switch size {
			case 4:
				a = binary.BigEndian.Uint32(b[off:])
			case 2:
				a = uint32(binary.BigEndian.Uint16(b[off:]))
			default:
				a = uint32(b[off])
			}
		case opLdMem:
			a = mem[in.K&15]
		case opLdxMem:
			x = mem[in.K&15]
		case opLdLen:
			a = uint32(wireLen)
		case opLdxMsh:
			if uint64(in.K) >= uint64(len(b)) {
				return false
			}
			x = uint32(b[in.K]&0x0f) * 4
		case opSt:
			mem[in.K&15] = a
		case opStx:
			mem[in.K&15] = x
		case opTax:
			x = a
		case opTxa:
			a = x
		case opNeg:
			a = -a
		case opRetK:
			return in.K != 0
		case opRetA:
			return a != 0
		case opJa:
			pc += int(in.K)
		default:
			other := in.K
			if in.Op&0x08 != 0 {
				other = x
			}
			if in.Op&7 == 5 {
				pc += branch(in, a, other)
			} else if !alu(in.Op, &a, other) {
				return false
			}
		}
	}
	return false
}

// branch returns how many instructions a conditional jump skips.
func branch(in *bpf.RawInstruction, a, k uint32) int {
	var yes bool
	switch in.Op & 0xf0 {
	case 0x10:
		yes = a == k
	case 0x20:
		yes = a > k
	case 0x30:
		yes = a >= k
	case 0x40:
		yes = a&k != 0
	}
	if yes {
		return int(in.Jt)
	}
	return int(in.Jf)
}

// alu computes; false is a division by zero, which refuses the packet.
func alu(op uint16, a *uint32, k uint32) bool {
	switch op & 0xf0 {
	case 0x00:
		*a += k
	case 0x10:
		*a -= k
	case 0x20:
		*a *= k
	case 0x30:
		if k == 0 {
			return false
		}
		*a /= k
	case 0x40:
		*a |= k
	case 0x50:
		*a &= k
	case 0x60:
		*a <<= k & 31
	case 0x70:
		*a >>= k & 31
	case 0x90:
		if k == 0 {
			return false
		}
		*a %= k
	case 0xa0:
		*a ^= k
	default:
		return false
	}
	return true
}
