package wire

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var rewrite = flag.Bool("rewrite", false, "write testdata afresh")

// The golden files pin field numbers and types: what they hold must be readable for ever.
func TestGolden(t *testing.T) {
	for name, m := range samples() {
		path := filepath.Join("testdata", name+".bin")
		got := encodeSample(t, m)
		if err := m.Check(); err != nil {
			t.Errorf("%s: the sample breaks a rule: %v", name, err)
		}
		if *rewrite {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the wire format changed", name)
		}
		back := m.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(want, back); err != nil || !proto.Equal(back, m) {
			t.Errorf("%s: does not come back: %v", name, err)
		}
	}
}

// Every number of every enum, as it was published. Append; never edit.
func TestNumbersArePinned(t *testing.T) {
	var got []string
	for _, e := range []protoreflect.EnumDescriptor{
		Class(0).Descriptor(), Code(0).Descriptor(), Purpose(0).Descriptor(), EnrolState(0).Descriptor(), State(0).Descriptor(), Completeness(0).Descriptor(),
	} {
		for i := range e.Values().Len() {
			v := e.Values().Get(i)
			got = append(got, fmt.Sprintf("%s %d", v.Name(), v.Number()))
		}
	}
	path := filepath.Join("testdata", "numbers.txt")
	text := strings.Join(got, "\n") + "\n"
	if *rewrite {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have := strings.Split(text, "\n")
	for line := range strings.Lines(string(want)) {
		if !slices.Contains(have, strings.TrimSpace(line)) {
			t.Errorf("%s is gone or was renumbered", strings.TrimSpace(line))
		}
	}
	if strings.Count(text, "\n") != strings.Count(string(want), "\n") {
		t.Error("numbers were added: run the test with -rewrite and review the difference")
	}
}

func TestClassesHaveRanks(t *testing.T) {
	byNumber := Class(0).Descriptor().Values()
	for i := range byNumber.Len() {
		c := Class(byNumber.Get(i).Number())
		if c != 0 && c.Rank() == len(ClassesByPriority()) {
			t.Errorf("%s has no priority", c)
		}
	}
	if Class(200).Rank() != len(ClassesByPriority()) || !Class(200).Valid() || Class(256).Valid() || Class(0).Valid() {
		t.Error("classes of newer sites are not ranked behind the known")
	}
}

// Each rule, broken alone, is reported with the name of its field.
func TestChecksNameTheField(t *testing.T) {
	good := samples()
	f := func(sample, want string, spoil func(Message)) {
		t.Helper()
		m := proto.Clone(good[sample]).(Message)
		spoil(m)
		err := m.Check()
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeMalformed || !strings.Contains(e.Text, want) {
			t.Errorf("%s: %v, want %q", sample, err, want)
		}
	}
	b := func(f func(*Batch)) func(Message) { return func(m Message) { f(m.(*UploadUp).GetBatch()) } }
	f("upload_up_batch", "body", func(m Message) { m.(*UploadUp).Body = nil })
	f("upload_up_batch", "batch.number", b(func(m *Batch) { m.Number = 0 }))
	f("upload_up_batch", "batch.origin", b(func(m *Batch) { m.Origin = "44" }))
	f("upload_up_batch", "batch.origin", b(func(m *Batch) { m.Origin = strings.Repeat("4", 1000) }))
	f("upload_up_batch", "batch.epoch", b(func(m *Batch) { m.Epoch = 0 }))
	f("upload_up_batch", "batch.class", b(func(m *Batch) { m.Class = 300 }))
	f("upload_up_batch", "batch.class", b(func(m *Batch) { m.Class = -1 }))
	f("upload_up_batch", "batch.first_seq", b(func(m *Batch) { m.FirstSeq = 0 }))
	f("upload_up_batch", "batch.first_seq", b(func(m *Batch) { m.FirstSeq = math.MaxUint64 }))
	f("upload_up_batch", "batch.records", b(func(m *Batch) { m.Records = nil }))
	f("upload_up_batch", "batch.records", b(func(m *Batch) { m.Records = make([]*Record, BatchRecordsMax+1) }))
	f("upload_up_batch", "batch.records[0].id", b(func(m *Batch) { m.Records[0].Id = nil }))
	f("upload_up_batch", "batch.records[0].id", b(func(m *Batch) { m.Records[0] = nil }))
	f("upload_up_batch", "batch.records[0].type", b(func(m *Batch) { m.Records[0].Type = "" }))
	f("upload_up_batch", "batch.records[0].type", b(func(m *Batch) { m.Records[0].Type = "a\x00" }))
	f("upload_up_batch", "batch.records[0].payload", b(func(m *Batch) { m.Records[0].Payload = make([]byte, RecordPayloadBytesMax+1) }))
	f("upload_up_batch", "payload bytes", b(func(m *Batch) {
		r := sampleRecord()
		r.Payload = make([]byte, RecordPayloadBytesMax)
		m.Records = []*Record{r, r}
	}))
	f("upload_up_batch", "batch.records[0]", b(func(m *Batch) { m.Records[0].Seq = 4 }))
	f("upload_up_hello", "hello.lanes[0].epoch", func(m Message) { m.(*UploadUp).GetHello().Lanes[0].Epoch = 0 })
	f("upload_down_marks", "marks.version", func(m Message) { m.(*UploadDown).GetMarks().Version = 0 })
	f("upload_down_receipts", "receipts.receipts[0].code", func(m Message) { m.(*UploadDown).GetReceipts().Receipts[0].Code = 0 })
	f("upload_down_receipts", "next_seq", func(m Message) { m.(*UploadDown).GetReceipts().Receipts[0].NextSeq = 0 })
	f("upload_down_end", "end.text", func(m Message) { m.(*UploadDown).GetEnd().Text = strings.Repeat("x", TextBytesMax+1) })
	f("register_up_enrol", "enrol.invite_id", func(m Message) { m.(*RegisterUp).GetEnrol().InviteId = nil })
	f("register_up_enrol", "enrol.name", func(m Message) { m.(*RegisterUp).GetEnrol().Name = "" })
	f("register_up_enrol", "enrol.addresses[0]", func(m Message) { m.(*RegisterUp).GetEnrol().Addresses[0] = "" })
	f("register_up_enrol", "enrol.purpose", func(m Message) { m.(*RegisterUp).GetEnrol().Purpose = 7 })
	s := func(f func(*Summary)) func(Message) {
		return func(m Message) { f(m.(*RegisterUp).GetHeartbeat().Summary) }
	}
	f("register_up_heartbeat", "heartbeat.summary.sites[0].site", s(func(m *Summary) { m.Site = "440000" }))
	f("register_up_heartbeat", "heartbeat.summary.sites[1].site", s(func(m *Summary) { m.Sites[1].Site = "440100" }))
	f("register_up_heartbeat", "heartbeat.summary.sites[1].parent", s(func(m *Summary) { m.Sites[1].Parent = "440111" }))
	f("register_up_heartbeat", "nodes[0].node", s(func(m *Summary) { m.Sites[0].Nodes[0].Node = "" }))
	f("register_down_enrol", "enrol.chain", func(m Message) { m.(*RegisterDown).GetEnrol().Chain = nil })
	f("token", "secret", func(m Message) { m.(*Token).Secret = nil })
	f("token", "expires", func(m Message) { m.(*Token).Expires = 0 })
	d := func(f func(*Document)) func(Message) {
		return func(m Message) { f(m.(*IssueDown).GetDocument()) }
	}
	f("issue_down_document", "document.version", d(func(m *Document) { m.Version = 0 }))
	f("issue_down_document", "document.targets[0]", d(func(m *Document) { m.Targets[0] = "x" }))
	f("issue_down_document", "document.body", d(func(m *Document) { m.BodySize = 3 }))
	f("issue_down_document", "document.body_size", d(func(m *Document) { m.BodySize, m.Body = DocumentBodyBytesMax+1, nil }))
	f("issue_down_document", "document.chain", d(func(m *Document) { m.Chain = nil }))
	f("issue_down_chunk", "chunk.data", func(m Message) { m.(*IssueDown).GetChunk().Data = nil })
	f("issue_up_report", "report.states[0].state", func(m Message) { m.(*IssueUp).GetReport().States[0].State = 0 })
	f("issue_up_hello", "hello.log", func(m Message) { m.(*IssueUp).GetHello().Log = nil })
	f("query_down_query", "query.limit", func(m Message) { m.(*QueryDown).GetQuery().Limit = QueryRowsMax + 1 })
	f("query_down_query", "query.remaining_ms", func(m Message) { m.(*QueryDown).GetQuery().RemainingMs = 1 << 30 })
	f("query_down_query", "query.budget_bytes", func(m Message) { m.(*QueryDown).GetQuery().BudgetBytes = 1 << 40 })
	f("query_up_page", "page.sites", func(m Message) { m.(*QueryUp).GetPage().Last = false })
	f("query_up_page", "page.rows[0].id", func(m Message) { m.(*QueryUp).GetPage().Rows[0].Id = nil })
	f("alert", "src_ip", func(m Message) { m.(*Alert).SrcIp = []byte{1, 2} })
	f("alert", "src_port", func(m Message) { m.(*Alert).SrcPort = 70000 })
}

func TestVersions(t *testing.T) {
	f := func(peer, want uint32, code Code) {
		t.Helper()
		if got, err := CheckVersion(peer); got != want || CodeOf(err) != code {
			t.Errorf("version %d: %d, %v", peer, got, err)
		}
	}
	f(1, 1, CodeOK)
	f(99, Version, CodeOK)
	f(0, 0, CodeMalformed)
}

func TestErrors(t *testing.T) {
	cause := errors.New("disk")
	err := fmt.Errorf("outer: %w", Refuse(CodeUnavailable, "cannot commit: %w", cause))
	if CodeOf(err) != CodeUnavailable || !errors.Is(err, cause) || !errors.Is(err, &Error{Code: CodeUnavailable}) || errors.Is(err, &Error{Code: CodeBusy}) {
		t.Errorf("%v lost its code or cause", err)
	}
	if s := StatusOf(errors.New("/var/lib/secret")); s.Code != CodeInternal || strings.Contains(s.Text, "secret") {
		t.Errorf("an error of our own went out as %v", s)
	}
	if StatusOf(nil).Err() != nil || CodeOf(StatusOf(err).Err()) != CodeUnavailable {
		t.Error("a status does not come back as its error")
	}
	if long := Clip(strings.Repeat("汉", 1000)); len(long) > TextBytesMax || !strings.HasSuffix(long, "汉") {
		t.Errorf("clipped to %d bytes ending %q", len(long), long[len(long)-3:])
	}
}

func pipe(t *testing.T) (*Conn, *Conn, net.Conn) {
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return NewConn(a), NewConn(b), a
}

func TestConn(t *testing.T) {
	for name, m := range samples() {
		a, b, _ := pipe(t)
		sent := make(chan error, 1)
		go func() { sent <- a.Write(m) }()
		got := m.ProtoReflect().New().Interface().(Message)
		if err := b.Read(got); err != nil || !proto.Equal(got, m) {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
}

func TestConnRefuses(t *testing.T) {
	f := func(name string, raw []byte, want func(error) bool) {
		t.Helper()
		_, b, conn := pipe(t)
		go func() {
			_, _ = conn.Write(raw)
			_ = conn.Close()
		}()
		if err := b.Read(&UploadUp{}); !want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	code := func(c Code) func(error) bool { return func(err error) bool { return CodeOf(err) == c } }
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	f("end", nil, is(io.EOF))
	f("half a length", []byte{0x80}, is(io.ErrUnexpectedEOF))
	f("no body", []byte{5}, is(io.ErrUnexpectedEOF))
	f("half a body", []byte{5, 1, 2}, is(io.ErrUnexpectedEOF))
	f("endless length", bytes.Repeat([]byte{0xff}, 20), code(CodeMalformed))
	f("one byte over the limit", []byte{0x81, 0x80, 0x28}, code(CodeTooLarge))
	f("a gigabyte", []byte{0x80, 0x80, 0x80, 0x80, 4}, code(CodeTooLarge))
	f("garbage", []byte{3, 0xff, 0xff, 0xff}, code(CodeMalformed))
	f("not UTF-8", append([]byte{6}, 0x0a, 4, 0x1a, 2, 0x0a, 0), code(CodeMalformed))
	f("empty frame", []byte{0}, code(CodeMalformed))
}

func TestWriteGivesUpOnAFrozenPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := pipe(t)
		start := time.Now()
		err := a.Write(samples()["query_up_hello"])
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != WriteTimeout {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if again := a.Write(samples()["query_up_hello"]); again == nil || time.Since(start) != WriteTimeout {
			t.Errorf("the error did not stick: %v", again)
		}
	})
}

func TestReadWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b, _ := pipe(t)
		start := time.Now()
		err := b.ReadWithin(3*time.Second, &UploadUp{})
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestTooLargeIsNotSent(t *testing.T) {
	a, _, _ := pipe(t)
	m := &IssueDown{Body: &IssueDown_Document{&Document{Body: make([]byte, FrameBytesMax)}}}
	if err := a.Write(m); CodeOf(err) != CodeTooLarge {
		t.Errorf("%v", err)
	}
}

// A maximal batch, and a maximal summary, fit into a frame.
func TestLimitsFitTogether(t *testing.T) {
	b := &Batch{Number: math.MaxUint64, Origin: strings.Repeat("4", 18), Epoch: math.MaxUint32, Class: 255, FirstSeq: 1 << 62}
	for range BatchRecordsMax {
		b.Records = append(b.Records, &Record{Id: id16, Type: strings.Repeat("t", RecordTypeBytesMax), At: -1, Ingest: -1, Payload: make([]byte, BatchBytesMax/BatchRecordsMax)})
	}
	up := &UploadUp{Body: &UploadUp_Batch{b}}
	if err := up.Check(); err != nil || proto.Size(up) > FrameBytesMax {
		t.Errorf("%d bytes, %v", proto.Size(up), err)
	}
}

func FuzzFrames(f *testing.F) {
	kinds := []Message{
		&UploadUp{}, &UploadDown{}, &RegisterUp{}, &RegisterDown{}, &IssueUp{}, &IssueDown{}, &QueryUp{}, &QueryDown{},
		&Token{}, &Record{}, &Alert{}, &Document{},
	}
	for _, m := range samples() {
		i := slices.IndexFunc(kinds, func(k Message) bool {
			return k.ProtoReflect().Descriptor() == m.ProtoReflect().Descriptor()
		})
		f.Add(uint8(i), encodeSample(f, m))
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		m := kinds[int(kind)%len(kinds)].ProtoReflect().New().Interface().(Message)
		if proto.Unmarshal(data, m) != nil {
			return
		}
		err := m.Check()
		if err != nil {
			if c := CodeOf(err); c != CodeMalformed {
				t.Errorf("refused with %s: %v", c, err)
			}
			return
		}
		// What is accepted can be sent on and is accepted again.
		again := m.ProtoReflect().New().Interface().(Message)
		if err := proto.Unmarshal(encodeSample(t, m), again); err != nil || again.Check() != nil {
			t.Errorf("accepted once only: %v", err)
		}
	})
}
