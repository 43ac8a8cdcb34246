package filter

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// scratchSlots is how many words of memory the machine has.
const scratchSlots = 16

// relation tests arithmetic; the protocols whose bytes are read must be there.
func (b *builder) relation(n *node) (*cond, error) {
	var needs []*cond
	x, err := b.fold(n.a, &needs)
	if err != nil {
		return nil, err
	}
	y, err := b.fold(n.b, &needs)
	if err != nil {
		return nil, err
	}
	c := &cond{jump: map[string]bpf.JumpTest{
		"=": bpf.JumpEqual, "==": bpf.JumpEqual, "!=": bpf.JumpNotEqual, "<": bpf.JumpLessThan, "<=": bpf.JumpLessOrEqual,
		">": bpf.JumpGreaterThan, ">=": bpf.JumpGreaterOrEqual,
	}[n.op]}
	b.slot = 0
	if y.op == "" {
		c.val = y.k
		if c.load, err = b.compute(x); err != nil {
			return nil, err
		}
	} else {
		c.x = true
		if c.load, err = b.pair(x, y); err != nil {
			return nil, err
		}
	}
	return all(append(needs, c)...), nil
}

// fold computes constants, and gathers what must hold for the loads to have meaning.
func (b *builder) fold(a *arith, needs *[]*cond) (*arith, error) {
	switch a.op {
	case "", "len":
		return a, nil
	case "[":
		need, err := b.presence(a)
		if err != nil {
			return nil, err
		}
		if need != nil {
			*needs = append(*needs, need)
		}
		index, err := b.fold(a.l, needs)
		if err != nil {
			return nil, err
		}
		c := *a
		c.l = index
		return &c, nil
	}
	c := *a
	var err error
	if c.l, err = b.fold(a.l, needs); err != nil {
		return nil, err
	}
	if a.op == "neg" {
		if c.l.op == "" {
			return &arith{at: a.at, k: -c.l.k}, nil
		}
		return &c, nil
	}
	if c.r, err = b.fold(a.r, needs); err != nil {
		return nil, err
	}
	if c.r.op == "" && c.r.k == 0 && (a.op == "/" || a.op == "%") {
		return nil, &Error{b.e.text, a.at, "division by zero"}
	}
	if c.r.op == "" && c.r.k > 31 && (a.op == "<<" || a.op == ">>") {
		return nil, &Error{b.e.text, a.at, "a shift by more than 31 bits"}
	}
	if c.l.op == "" && c.r.op == "" {
		return &arith{at: a.at, k: calculate(a.op, c.l.k, c.r.k)}, nil
	}
	return &c, nil
}

// presence is what must hold for proto[...] to be read.
func (b *builder) presence(a *arith) (*cond, error) {
	switch a.proto {
	case "ether", "link":
		return nil, nil
	case "ip":
		return b.network(typeIP), nil
	case "ip6":
		return b.network(typeIP6), nil
	case "arp", "rarp", "decnet", "lat", "moprc", "mopdl", "aarp", "atalk", "sca", "loopback":
		return b.network(etherTypes[a.proto]), nil
	case "icmp6":
		return b.ip6(58), nil
	}
	return all(b.ip4(ipProtocols[a.proto]), b.unfragmented()), nil
}

func calculate(op string, x, y uint32) uint32 {
	switch op {
	case "+":
		return x + y
	case "-":
		return x - y
	case "*":
		return x * y
	case "/":
		return x / y
	case "%":
		return x % y
	case "&":
		return x & y
	case "|":
		return x | y
	case "^":
		return x ^ y
	case "<<":
		return x << y
	}
	return x >> y
}

// aluOps are the machine's names of operators. Never written.
var aluOps = map[string]bpf.ALUOp{
	"+": bpf.ALUOpAdd, "-": bpf.ALUOpSub, "*": bpf.ALUOpMul, "/": bpf.ALUOpDiv, "%": bpf.ALUOpMod,
	"&": bpf.ALUOpAnd, "|": bpf.ALUOpOr, "^": bpf.ALUOpXor, "<<": bpf.ALUOpShiftLeft, ">>": bpf.ALUOpShiftRight,
}

// compute leaves the value of a in A.
func (b *builder) compute(a *arith) ([]bpf.Instruction, error) {
	switch a.op {
	case "":
		return []bpf.Instruction{bpf.LoadConstant{Dst: bpf.RegA, Val: a.k}}, nil
	case "len":
		return []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtLen}}, nil
	case "[":
		return b.read(a)
	case "neg":
		code, err := b.compute(a.l)
		return append(code, bpf.NegateA{}), err
	}
	op := aluOps[a.op]
	if a.r.op == "" {
		code, err := b.compute(a.l)
		return append(code, bpf.ALUOpConstant{Op: op, Val: a.r.k}), err
	}
	code, err := b.pair(a.l, a.r)
	return append(code, bpf.ALUOpX{Op: op}), err
}

// pair leaves x in A and y in X.
func (b *builder) pair(x, y *arith) ([]bpf.Instruction, error) {
	code, err := b.compute(x)
	if err != nil {
		return nil, err
	}
	slot, err := b.reserve(x)
	if err != nil {
		return nil, err
	}
	code = append(code, bpf.StoreScratch{Src: bpf.RegA, N: slot})
	more, err := b.compute(y)
	if err != nil {
		return nil, err
	}
	b.slot--
	return append(append(code, more...), bpf.TAX{}, bpf.LoadScratch{Dst: bpf.RegA, N: slot}), nil
}

func (b *builder) reserve(a *arith) (int, error) {
	if b.slot >= scratchSlots {
		return 0, &Error{b.e.text, a.at, fmt.Sprintf("the arithmetic needs more than %d intermediate results", scratchSlots)}
	}
	b.slot++
	return b.slot - 1, nil
}

// read loads proto[index:size] into A.
func (b *builder) read(a *arith) ([]bpf.Instruction, error) {
	base, behind := b.st.net, false // behind: after an IPv4 header of unknown length
	switch a.proto {
	case "ether", "link":
		base = 0
	case "ip", "ip6", "arp", "rarp", "decnet", "lat", "moprc", "mopdl", "aarp", "atalk", "sca", "loopback":
	case "icmp6":
		base += 40
	default:
		behind = true
	}
	shift := bpf.LoadMemShift{Off: uint32(b.st.net)}
	if a.l.op == "" {
		off := uint32(base) + a.l.k
		if off < a.l.k || off > 1<<20 {
			return nil, &Error{b.e.text, a.at, "the offset is behind every packet"}
		}
		if !behind {
			return []bpf.Instruction{bpf.LoadAbsolute{Off: off, Size: int(a.size)}}, nil
		}
		return []bpf.Instruction{shift, bpf.LoadIndirect{Off: off, Size: int(a.size)}}, nil
	}
	code, err := b.compute(a.l)
	if err != nil {
		return nil, err
	}
	if behind {
		slot, err := b.reserve(a)
		if err != nil {
			return nil, err
		}
		code = append(code, bpf.StoreScratch{Src: bpf.RegA, N: slot}, shift, bpf.LoadScratch{Dst: bpf.RegA, N: slot}, bpf.ALUOpX{Op: bpf.ALUOpAdd})
		b.slot--
	}
	return append(code, bpf.TAX{}, bpf.LoadIndirect{Off: uint32(base), Size: int(a.size)}), nil
}
