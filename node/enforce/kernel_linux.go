package enforce

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"fengsui/node/config"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	rangesPerMessage = 400     // an attribute holds 64 KiB, a range of IPv6 takes under 100 bytes
	socketBytes      = 8 << 20 // a whole table is one send
	chainPriority    = -10     // before the filter chains of the system: what we drop, nobody else needs to judge
)

// netfilter is the kernel's table over netlink. The socket belongs to the namespace it was opened in, whoever uses it.
type netfilter struct {
	conn *nftables.Conn
}

func openKernel(namespace string) (kernel, error) {
	k := &netfilter{}
	open := k.open
	if namespace == config.NamespacePrivate {
		open = func() error { return inNewNamespace(k.open) }
	}
	if err := open(); err != nil {
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

func (k *netfilter) open() error {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *netlink.Conn) error {
		// Less than asked for is enough for short lists, and long ones then fail with an error that is told.
		_ = c.SetWriteBuffer(socketBytes)
		_ = c.SetReadBuffer(socketBytes)
		return nil
	}))
	if err != nil {
		return translate(err)
	}
	k.conn = conn
	// Listing tables takes the same right as changing them: it tells now whether lists can be enforced at all.
	if _, err := k.table(); err != nil && !errors.Is(err, errNoTable) {
		return translate(err)
	}
	return nil
}

// translate turns the kernel's refusals into ours.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return &Refusal{ErrCapability, "nftables takes CAP_NET_ADMIN, which the process lacks"}
	case errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return &Refusal{ErrUnsupported, "this kernel has no nf_tables (" + err.Error() + ")"}
	}
	return err
}

func (k *netfilter) table() (*nftables.Table, error) {
	tables, err := k.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	for _, t := range tables {
		if t.Name == TableName {
			return t, nil
		}
	}
	return nil, errNoTable
}

func (k *netfilter) close() error {
	if k.conn == nil {
		return nil
	}
	return k.conn.CloseLasting()
}

func (k *netfilter) remove() error {
	if _, err := k.table(); err != nil {
		if errors.Is(err, errNoTable) {
			return nil
		}
		return translate(err)
	}
	k.conn.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: TableName})
	return translate(k.conn.Flush())
}

// replace queues everything and sends it as one transaction.
func (k *netfilter) replace(ranges []addrRange, meshPort uint16, build bool) error {
	t := &nftables.Table{Family: nftables.TableFamilyINet, Name: TableName}
	sets := []*nftables.Set{
		{Table: t, Name: "v4", KeyType: nftables.TypeIPAddr, Interval: true, Comment: "blocked by policy"},
		{Table: t, Name: "v6", KeyType: nftables.TypeIP6Addr, Interval: true, Comment: "blocked by policy"},
	}
	if build {
		if err := k.build(t, sets, meshPort); err != nil {
			return err
		}
	}
	for _, s := range sets {
		if !build {
			k.conn.FlushSet(s)
		}
		if err := k.addElements(s, ranges); err != nil {
			return fmt.Errorf("fill set %s: %w", s.Name, err)
		}
	}
	return translate(k.conn.Flush())
}

// build queues the making of the table. Adding before deleting lets the deletion succeed when there was none.
func (k *netfilter) build(t *nftables.Table, sets []*nftables.Set, meshPort uint16) error {
	k.conn.AddTable(t)
	k.conn.DelTable(t)
	k.conn.AddTable(t)
	for _, s := range sets {
		if err := k.conn.AddSet(s, nil); err != nil {
			return fmt.Errorf("build set %s: %w", s.Name, err)
		}
	}
	for _, c := range chains {
		priority := nftables.ChainPriority(chainPriority)
		accept := nftables.ChainPolicyAccept
		chain := k.conn.AddChain(&nftables.Chain{Table: t, Name: c.name, Type: nftables.ChainTypeFilter, Hooknum: c.hook, Priority: &priority, Policy: &accept})
		for _, exprs := range chainRules(c, sets[0], sets[1], meshPort) {
			k.conn.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: exprs, UserData: userdata.AppendString(nil, userdata.TypeComment, ruleMark(meshPort))})
		}
	}
	return nil
}

// addElements queues the ranges of the set's family. An interval is a start and, one past its end, an end; a range up to the
// highest address has no end.
func (k *netfilter) addElements(s *nftables.Set, ranges []addrRange) error {
	bitLen := int(s.KeyType.Bytes) * 8
	var batch []nftables.SetElement
	add := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := k.conn.SetAddElements(s, batch)
		batch = nil
		return err
	}
	for _, r := range ranges {
		if r.from.BitLen() != bitLen {
			continue
		}
		batch = append(batch, nftables.SetElement{Key: r.from.AsSlice()})
		if end := r.to.Next(); end.IsValid() {
			batch = append(batch, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
		if len(batch) >= 2*rangesPerMessage {
			if err := add(); err != nil {
				return err
			}
		}
	}
	return add()
}

// chainSpec is one base chain of the table and which ends of a packet it looks at.
type chainSpec struct {
	name                string
	hook                *nftables.ChainHook
	source, destination bool
}

var chains = []chainSpec{
	{"input", nftables.ChainHookInput, true, true},
	{"forward", nftables.ChainHookForward, true, true},
	{"output", nftables.ChainHookOutput, false, true},
}

// rulesWanted counts the rules chainRules makes, all chains together.
func rulesWanted(meshPort uint16) int {
	n := 0
	for _, c := range chains {
		n += len(chainRules(c, &nftables.Set{}, &nftables.Set{}, meshPort))
	}
	return n
}

// Offsets in the network header, and the bytes nft calls "ip saddr" and so on.
const (
	offsetSaddr4, offsetDaddr4, sizeAddr4 = 12, 16, 4
	offsetSaddr6, offsetDaddr6, sizeAddr6 = 8, 24, 16
)

func chainRules(c chainSpec, v4, v6 *nftables.Set, meshPort uint16) [][]expr.Any {
	var out [][]expr.Any
	if meshPort != 0 {
		out = append(out, acceptPort(0, meshPort), acceptPort(2, meshPort))
	}
	if c.source {
		out = append(out, drop(v4, unix.NFPROTO_IPV4, offsetSaddr4, sizeAddr4), drop(v6, unix.NFPROTO_IPV6, offsetSaddr6, sizeAddr6))
	}
	if c.destination {
		out = append(out, drop(v4, unix.NFPROTO_IPV4, offsetDaddr4, sizeAddr4), drop(v6, unix.NFPROTO_IPV6, offsetDaddr6, sizeAddr6))
	}
	return out
}

// drop is: meta nfproto FAMILY, ADDRESS @set counter drop.
func drop(s *nftables.Set, family byte, offset, size uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Lookup{SourceRegister: 1, SetName: s.Name, SetID: s.ID},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}

// acceptPort is: meta l4proto udp, udp sport or dport PORT accept. offset 0 is the source port, 2 the destination.
func acceptPort(offset uint32, port uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}

// read asks the kernel for the table's addresses, rules and counters.
func (k *netfilter) read() (tableState, error) {
	var out tableState
	t, err := k.table()
	if err != nil {
		return out, err
	}
	for _, name := range []string{"v4", "v6"} {
		s, err := k.conn.GetSetByName(t, name)
		if err != nil {
			return out, fmt.Errorf("read set %s: %w", name, err)
		}
		elements, err := k.conn.GetSetElements(s)
		if err != nil {
			return out, fmt.Errorf("read set %s: %w", name, err)
		}
		ranges, err := pair(elements)
		if err != nil {
			return out, fmt.Errorf("read set %s: %w", name, err)
		}
		out.ranges = append(out.ranges, ranges...)
	}
	for _, c := range chains {
		rules, err := k.conn.GetRules(t, &nftables.Chain{Table: t, Name: c.name})
		if err != nil {
			return out, fmt.Errorf("read chain %s: %w", c.name, err)
		}
		out.rules += len(rules)
		for _, r := range rules {
			mark, _ := userdata.GetString(r.UserData, userdata.TypeComment)
			if out.mark == "" {
				out.mark = mark
			}
			if out.mark != mark {
				out.mark = "mixed"
			}
			for _, e := range r.Exprs {
				if n, ok := e.(*expr.Counter); ok {
					out.packets, out.bytes = out.packets+n.Packets, out.bytes+n.Bytes
				}
			}
		}
	}
	return out, nil
}

// pair turns starts and ends, in whatever order the kernel keeps them, back into ascending ranges.
func pair(elements []nftables.SetElement) ([]addrRange, error) {
	type mark struct {
		at  netip.Addr
		end bool
	}
	marks := make([]mark, 0, len(elements))
	for _, e := range elements {
		a, ok := netip.AddrFromSlice(e.Key)
		if !ok {
			return nil, fmt.Errorf("element of %d bytes", len(e.Key))
		}
		if e.IntervalEnd && a.IsUnspecified() {
			continue // the kernel closes the space below the first interval
		}
		marks = append(marks, mark{a, e.IntervalEnd})
	}
	slices.SortFunc(marks, func(a, b mark) int { return a.at.Compare(b.at) })
	var out []addrRange
	for i, m := range marks {
		if m.end {
			continue
		}
		r := addrRange{from: m.at, to: highest(m.at)}
		if i+1 < len(marks) {
			if !marks[i+1].end {
				return nil, fmt.Errorf("interval from %s has no end", m.at)
			}
			r.to = marks[i+1].at.Prev()
		}
		out = append(out, r)
	}
	return out, nil
}

func highest(a netip.Addr) netip.Addr { return lastOf(netip.PrefixFrom(a, 0)) }
