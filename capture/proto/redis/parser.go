package redis

import (
	"bytes"
	"strconv"
	"strings"

	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/database"
)

// Progress of one side.
const (
	NotStarted = iota
	Done
)

const waitingMax = 1024

// Transaction is one command with its reply.
type Transaction struct {
	proto.State
	database.Access
	Words   [][]byte // of the command, as sent
	Text    []byte   // the words with spaces between, as sent
	replies int      // how many come
	over    bool
}

var _ proto.Transaction = (*Transaction)(nil)

// Anomalies lists the app-layer events the parser raises. Never written.
var Anomalies = []string{"malformed_request", "malformed_response", "too_many_transactions"}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "redis" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	if dir == flow.ToServer || t.over {
		return Done
	}
	return NotStarted
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return dir == flow.ToServer || t.over }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) { t.Access.Event(e) }

// containers are commands whose second word says what is done. Never written.
var containers = map[string]bool{
	"ACL": true, "CLIENT": true, "CLUSTER": true, "COMMAND": true, "CONFIG": true, "DEBUG": true, "FUNCTION": true, "LATENCY": true, "MEMORY": true, "MODULE": true,
	"OBJECT": true, "PUBSUB": true, "SCRIPT": true, "SLOWLOG": true, "XGROUP": true, "XINFO": true, "SENTINEL": true,
}

// keyless are commands whose first argument is no key. Never written.
var keyless = map[string]bool{
	"ACL": true, "AUTH": true, "BGREWRITEAOF": true, "BGSAVE": true, "CLIENT": true, "CLUSTER": true, "COMMAND": true, "CONFIG": true, "DBSIZE": true, "DEBUG": true,
	"DISCARD": true, "ECHO": true, "EVAL": true, "EVALSHA": true, "EVAL_RO": true, "EXEC": true, "FAILOVER": true, "FCALL": true, "FLUSHALL": true, "FLUSHDB": true,
	"FUNCTION": true, "HELLO": true, "INFO": true, "KEYS": true, "LASTSAVE": true, "LATENCY": true, "MEMORY": true, "MIGRATE": true, "MODULE": true, "MONITOR": true,
	"MULTI": true, "OBJECT": true, "PING": true, "PSYNC": true, "PUBSUB": true, "QUIT": true, "RANDOMKEY": true, "REPLICAOF": true, "RESET": true, "ROLE": true,
	"SAVE": true, "SCAN": true, "SCRIPT": true, "SELECT": true, "SENTINEL": true, "SHUTDOWN": true, "SLAVEOF": true, "SLOWLOG": true, "SWAPDB": true, "SYNC": true,
	"TIME": true, "UNWATCH": true, "WAIT": true, "XGROUP": true, "XINFO": true, "XREAD": true, "XREADGROUP": true,
}

// manyKeys are commands whose arguments are all keys. Never written.
var manyKeys = map[string]bool{
	"DEL": true, "EXISTS": true, "MGET": true, "PFCOUNT": true, "PFMERGE": true, "SDIFF": true, "SINTER": true, "SUNION": true, "TOUCH": true, "UNLINK": true,
	"WATCH": true, "SUBSCRIBE": true, "PSUBSCRIBE": true, "SSUBSCRIBE": true,
}

// fill makes operation, statement and objects of the words.
func (t *Transaction) fill(cut bool) {
	name := strings.ToUpper(string(t.Words[0][:min(len(t.Words[0]), 64)]))
	operation := name
	if containers[name] && len(t.Words) > 1 {
		operation += " " + strings.ToUpper(string(t.Words[1][:min(len(t.Words[1]), 64)]))
	}
	var keys []string
	switch {
	case manyKeys[name]:
		for _, w := range t.Words[1:] {
			keys = append(keys, string(w))
		}
	case name == "MSET" || name == "MSETNX":
		for i := 1; i < len(t.Words); i += 2 {
			keys = append(keys, string(t.Words[i]))
		}
	case !keyless[name] && len(t.Words) > 1:
		keys = []string{string(t.Words[1])}
	}
	t.Text = bytes.Join(t.Words, []byte{' '})
	t.SetCommand(operation, bytes.Join(masked(name, t.Words), []byte{' '}), keys...)
	t.Cut = t.Cut || cut
}

// masked returns the words with secrets replaced.
func masked(name string, words [][]byte) [][]byte {
	out := append([][]byte(nil), words...)
	hide := func(i int) {
		if i < len(out) {
			out[i] = []byte("***")
		}
	}
	is := func(i int, word string) bool { return i < len(words) && strings.EqualFold(string(words[i]), word) }
	switch name {
	case "AUTH":
		hide(len(words) - 1 + boolInt(len(words) == 1))
	case "HELLO", "MIGRATE":
		for i := range words {
			if is(i, "AUTH2") || name == "HELLO" && is(i, "AUTH") {
				hide(i + 2)
			} else if is(i, "AUTH") {
				hide(i + 1)
			}
		}
	case "CONFIG":
		for i := 2; i+1 < len(words); i += 2 {
			if w := strings.ToLower(string(words[i])); is(1, "SET") && (strings.Contains(w, "pass") || w == "masterauth") {
				hide(i + 1)
			}
		}
	case "ACL":
		for i := 3; i < len(words); i++ {
			if is(1, "SETUSER") && len(words[i]) > 0 && strings.IndexByte("><#!", words[i][0]) >= 0 {
				out[i] = append(words[i][:1:1], "***"...)
			}
		}
	}
	return out
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Recognise is the proto.Recogniser: a client's command as an array of strings.
func Recognise(p *proto.Probe) proto.Match {
	b := p.Data
	if len(b) == 0 || b[0] != '*' {
		return proto.No
	}
	line, rest, whole := bytes.Cut(b[:min(len(b), 16)], []byte("\r\n"))
	for _, c := range line[1:] {
		if (c < '0' || c > '9') && (c != '\r' || whole) {
			return proto.No
		}
	}
	switch {
	case !whole && len(b) >= 16:
		return proto.No
	case !whole || len(rest) == 0:
		return proto.Maybe
	case len(line) < 2 || rest[0] != '$':
		return proto.No
	case p.Dir == flow.ToClient && p.Port(6379) && p.ClientPort == 6379:
		return proto.Reversed
	case p.Dir == flow.ToClient:
		return proto.No
	}
	return proto.Yes
}

// Parser reads one flow. It implements proto.Parser.
type Parser struct {
	sides    [2]decoder
	lost     [2]bool
	user     string
	database string
	waiting  []*Transaction
}

var _ proto.Parser = (*Parser)(nil)

// New makes a parser.
func New(bool) proto.Parser {
	p := &Parser{}
	p.sides[flow.ToServer].inline = true
	return p
}

// Data implements proto.Parser.
func (p *Parser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.lost[dir] {
		if dir == flow.ToServer && b[0] != '*' || dir == flow.ToClient && (len(p.waiting) == 0 || bytes.IndexByte([]byte("+-:$*_,#(!=%~>|"), b[0]) < 0) {
			return len(b), proto.Continue
		}
		p.lost[dir] = false
	}
	done := 0
	for done < len(b) {
		d := &p.sides[dir]
		n, whole, ok := d.next(b[done:])
		done += n
		if !ok {
			c.Malformed++
			if len(p.waiting) > 0 {
				p.waiting[0].Anomaly([...]string{"malformed_request", "malformed_response"}[dir])
			}
			p.finishAll()
			return len(b), proto.Fail
		}
		if !whole {
			break
		}
		if dir == flow.ToServer {
			p.command(c, &d.now)
		} else {
			p.reply(&d.now)
		}
		c.Flush[dir] = true
	}
	return done, proto.Continue
}

func (p *Parser) command(c *proto.Context, r *reply) {
	if len(r.words) == 0 {
		return
	}
	t := &Transaction{Words: r.words, replies: 1}
	t.User, t.Database = p.user, p.database
	t.fill(r.cut)
	switch t.Operation {
	case "AUTH":
		if t.User = "default"; len(t.Words) > 2 {
			t.User = string(t.Words[1])
		}
	case "HELLO":
		for i := 2; i+1 < len(t.Words); i++ {
			if strings.EqualFold(string(t.Words[i]), "AUTH") {
				t.User = string(t.Words[i+1])
			}
		}
	case "SELECT":
		if len(t.Words) > 1 {
			t.Database = string(t.Words[1][:min(len(t.Words[1]), 16)])
		}
	case "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE":
		t.replies = max(1, len(t.Words)-1)
	}
	c.Begin(t)
	t.Touch(flow.ToServer)
	if len(p.waiting) >= waitingMax {
		p.waiting[0].Anomaly("too_many_transactions")
		p.finish()
	}
	p.waiting = append(p.waiting, t)
}

// reply gives a reply to the command that waits longest.
func (p *Parser) reply(r *reply) {
	if len(p.waiting) == 0 {
		return // a message of a subscription, or its command was lost
	}
	t := p.waiting[0]
	if r.kind == '>' && !strings.HasSuffix(t.Operation, "SUBSCRIBE") {
		return
	}
	text := r.line
	if r.kind == '!' && len(r.words) > 0 {
		text = r.words[0]
	}
	if r.kind == '-' || r.kind == '!' {
		code, _, _ := bytes.Cut(text, []byte{' '})
		t.Fail(string(code), text)
	} else {
		t.Succeed()
	}
	switch r.kind {
	case '*', '~', '%':
		t.AddRows(uint64(r.count))
	case '$':
		t.AddRows(uint64(boolInt(!r.null)))
	case ':':
		if n, err := strconv.ParseUint(string(r.line), 10, 63); err == nil && manyKeys[t.Operation] {
			t.AddRows(n)
		}
	}
	if t.replies--; t.replies > 0 {
		return
	}
	if t.Outcome == database.Success {
		switch t.Operation {
		case "AUTH", "HELLO":
			p.user = t.User
		case "SELECT":
			p.database = t.Database
		}
	}
	p.finish()
}

// finish ends the command that waits longest.
func (p *Parser) finish() {
	t := p.waiting[0]
	p.waiting[0] = nil
	p.waiting = p.waiting[1:]
	t.over = true
	t.Touch(flow.ToClient)
}

func (p *Parser) finishAll() {
	for len(p.waiting) > 0 {
		p.finish()
	}
	p.waiting = nil
}

// Gap implements proto.Parser.
func (p *Parser) Gap(_ *proto.Context, dir flow.Direction, _ []byte, n int64) proto.Verdict {
	d := &p.sides[dir]
	if d.skip > n+2 { // inside a string whose length is known
		d.skip -= n
		d.wordCut = true
		return proto.Continue
	}
	p.finishAll()
	for i := range p.sides {
		p.sides[i].reset()
	}
	p.lost[flow.ToServer], p.lost[flow.ToClient] = p.lost[flow.ToServer] || dir == flow.ToServer, true
	return proto.Continue
}

// End implements proto.Parser.
func (p *Parser) End(_ *proto.Context, dir flow.Direction, _ []byte) {
	if dir == flow.ToClient {
		p.finishAll()
	}
}
