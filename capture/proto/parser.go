package proto

import (
	"net/netip"
	"time"

	"fengsui/capture/file"
	"fengsui/capture/flow"
)

// Verdict is what a parser says after looking at bytes.
type Verdict uint8

// Verdicts.
const (
	// Continue: call again when there is more.
	Continue Verdict = iota
	// Stop: nothing further to read in this flow (it is encrypted, say); its protocol stays known.
	Stop
	// Fail: the bytes are not what they should be; parsing ends, the flow keeps its protocol's name.
	Fail
	// Restart: what follows is another protocol, to be recognised anew (HTTP CONNECT, Upgrade).
	Restart
)

// Context is what a parser may use during a call.
type Context struct {
	Now  time.Time // of the packet
	Flow *flow.Flow
	// Flush asks for pattern matching of the raw stream up to here, by direction: a message is complete.
	Flush [2]bool
	// Malformed counts messages that could not be read at all.
	Malformed uint64
	// Next says, with the verdict Restart, that the flow goes on as this protocol, whose NewExpected gets NextData.
	// AppUnknown leaves it to recognition.
	Next     flow.App
	NextData any
	// Files says what is kept and computed of files; nil is the default.
	Files *file.Config
	// Expected are the flows that parsers have announced during this call; the pipeline takes them.
	Expected []Expectation

	live *Live
}

// Expectation announces a TCP flow that this one has negotiated (an FTP data connection).
type Expectation struct {
	Server netip.AddrPort // where it will be opened to
	Client netip.Addr     // who will open it; invalid is anyone
	App    flow.App
	Data   any // for Protocol.NewExpected
}

// Expect announces a flow. What does not come within half a minute of packet time is forgotten.
func (c *Context) Expect(e Expectation) { c.Expected = append(c.Expected, e) }

// NewFile begins a file that goes in a direction.
func (c *Context) NewFile(dir flow.Direction, name []byte) *file.File {
	return file.New(c.Files, dir, name)
}

// Begin starts a transaction: it gets the flow's next ID.
func (c *Context) Begin(tx Transaction) {
	s := tx.Base()
	s.TxID, s.Begun, s.live = c.Flow.TxCount, c.Now, c.live
	c.Flow.TxCount++
	c.live.add(tx)
}

// Parser reads one flow's protocol. It is made for one flow.
type Parser interface {
	// Data gets the unconsumed bytes of a direction, at least one, in order without a gap; for UDP one whole datagram.
	// It returns how many bytes it is done with; the rest comes again, with more behind it. What it wants to keep it copies.
	Data(c *Context, dir flow.Direction, b []byte) (int, Verdict)
	// Gap tells that n bytes are lost behind rest, the bytes it had left unconsumed. rest does not come again.
	Gap(c *Context, dir flow.Direction, rest []byte, n int64) Verdict
	// End tells that a direction is over; rest is what it had left unconsumed. Called once for each direction.
	End(c *Context, dir flow.Direction, rest []byte)
}

// TransactionsMax bounds the transactions of a flow that wait for their other half; the oldest is let go beyond it.
const TransactionsMax = 512

// Live is the list of a flow's transactions that are not over, oldest first.
type Live struct {
	List    []Transaction
	Lost    uint64  // let go because there were too many
	Changed [2]bool // some transaction has advanced, by direction
	over    []Transaction
}

func (l *Live) add(tx Transaction) {
	if len(l.List) >= TransactionsMax {
		l.over = append(l.over, l.List[0])
		l.List = append(l.List[:0], l.List[1:]...)
		l.Lost++
	}
	l.List = append(l.List, tx)
}

// Overflow returns the transactions that were pushed out and forgets them.
func (l *Live) Overflow() []Transaction {
	o := l.over
	l.over = nil
	return o
}

// NewContext returns a context that begins transactions in live.
func NewContext(f *flow.Flow, now time.Time, live *Live) Context {
	return Context{Now: now, Flow: f, live: live}
}
