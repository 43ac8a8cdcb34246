package nfs

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

func u32(list ...uint32) string {
	var b []byte
	for _, n := range list {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return string(b)
}

func opaque(s string) string { return u32(uint32(len(s))) + s + strings.Repeat("\x00", -len(s)&3) }

func callOf(xid, version, procedure uint32, args string) string {
	creds := u32(7) + opaque("desk1") + u32(1000, 100, 0)
	return u32(xid, rpcCall, rpcVersion, program, version, procedure, authSys) + opaque(creds) + u32(0, 0) + args
}

func replyOf(xid uint32, results string) string { return u32(xid, rpcReply, 0, 0, 0, 0) + results }

// tcp puts the record mark in front.
func tcp(m string) []byte { return []byte(u32(lastMark|uint32(len(m))) + m) }

func handle(s string) string { return opaque(s + strings.Repeat(".", 28)) }

func write3(xid uint32, h string, offset uint32, data string) string {
	return callOf(xid, 3, v3Write, handle(h)+u32(0, offset, uint32(len(data)), 0)+opaque(data))
}

func read3(data string, end uint32) string {
	return u32(0, 0, uint32(len(data)), end) + opaque(data)
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return string(b)
}

func files(d *prototest.Driver) (list []*file.File) {
	for _, tx := range d.Live.List {
		t := tx.(*Transaction)
		list = append(append(list, t.Files(flow.ToServer)...), t.Files(flow.ToClient)...)
	}
	return list
}

// feed gives messages: those that begin with < are the server's.
func feed(d *prototest.Driver, list ...string) {
	for _, m := range list {
		if m[0] == '<' {
			d.Feed(flow.ToClient, tcp(m[1:]))
		} else {
			d.Feed(flow.ToServer, tcp(m))
		}
	}
}

func TestVersion3(t *testing.T) {
	data := long(90000)
	d := prototest.New(New(false))
	feed(d, callOf(1, 3, v3Lookup, handle("dir")+opaque("a.txt")), "<"+replyOf(1, u32(0)+handle("file")+u32(0, 0)))
	// The second half first; the first half is longer than what is waited for and comes in bites.
	feed(d, write3(2, "file", 70000, data[70000:]))
	m := tcp(write3(3, "file", 0, data[:70000]))
	for len(m) > 0 {
		n := min(len(m), 30011)
		d.Feed(flow.ToServer, m[:n])
		m = m[n:]
	}
	feed(d, callOf(4, 3, v3Commit, handle("file")+u32(0, 0, 0)), "<"+replyOf(4, u32(0)))
	feed(d, callOf(5, 3, v3Read, handle("file")+u32(0, 0, 9000)), "<"+replyOf(5, read3(data[:9000], 1)))
	feed(d, callOf(6, 3, v3Rename, handle("dir")+opaque("a.txt")+handle("dir")+opaque("b.txt")), "<"+replyOf(6, u32(13)))
	d.End()
	list := files(d)
	if len(list) != 2 || string(list[0].Data) != data || list[0].State != file.Closed || string(list[0].Name) != "a.txt" {
		t.Fatalf("%d files\n%s", len(list), d.JSON())
	}
	if string(list[1].Data) != data[:9000] || list[1].State != file.Closed || list[1].Dir != flow.ToClient {
		t.Errorf("read %d bytes, %v", len(list[1].Data), list[1].State)
	}
	last := d.Live.List[len(d.Live.List)-1].(*Transaction)
	if string(last.Name) != "a.txt" || string(last.NewName) != "b.txt" || last.Status != 13 || last.UID != 1000 || string(last.Machine) != "desk1" {
		t.Errorf("%+v", last)
	}
	for _, tx := range d.Live.List {
		if !tx.Complete(flow.ToServer) || !tx.Complete(flow.ToClient) {
			t.Errorf("%+v is not complete", tx)
		}
	}
	want, err := os.ReadFile("testdata/events.golden")
	if err != nil || string(want) != d.JSON() {
		t.Errorf("%v\n%s", err, d.JSON())
	}
}

func TestVersion4(t *testing.T) {
	const state = "ssssssssssssssss"
	data := long(70000)
	seq := u32(opSequence) + state + u32(1, 0, 0, 0)
	seqDone := u32(opSequence, 0) + state + u32(1, 0, 0, 0, 0)
	compound := func(n uint32, ops string) string { return opaque("") + u32(1, n) + ops }
	d := prototest.New(New(false))
	open := u32(opOpen, 0, 2, 0, 0, 5) + opaque("owner") + u32(1, 0, 0) + opaque("") + u32(0) + opaque("f.dat")
	feed(d, callOf(1, 4, 1, compound(4, seq+u32(opPutFH)+handle("dir")+open+u32(opGetFH))),
		"<"+replyOf(1, u32(0)+compoundReply(4, seqDone+u32(opPutFH, 0, opOpen, 0)+state+strings.Repeat("\x00", 20)+u32(0, 0, 0)+u32(opGetFH, 0)+handle("file"))),
		callOf(2, 4, 1, compound(3, seq+u32(opPutFH)+handle("file")+u32(opWrite)+state+u32(0, 0, 2)+opaque(data))),
		"<"+replyOf(2, u32(0)+compoundReply(3, seqDone+u32(opPutFH, 0, opWrite, 0, 70000, 2, 0, 0))),
		callOf(3, 4, 1, compound(3, seq+u32(opPutFH)+handle("file")+u32(opRead)+state+u32(0, 0, 70000))),
		"<"+replyOf(3, u32(0)+compoundReply(3, seqDone+u32(opPutFH, 0, opRead, 0, 1)+opaque(data))),
		callOf(4, 4, 1, compound(3, seq+u32(opPutFH)+handle("file")+u32(opClose, 0)+state)))
	list := files(d)
	if len(list) != 2 || string(list[0].Data) != data || string(list[1].Data) != data || string(list[1].Name) != "f.dat" || list[0].State != file.Closed || list[1].State != file.Closed {
		t.Fatalf("%d files\n%s", len(list), d.JSON())
	}
	if o := d.Live.List[0].(*Transaction); string(o.Name) != "f.dat" || len(o.Operations) != 4 || o.Operations[2] != opOpen {
		t.Errorf("%+v", o)
	}
}

func compoundReply(n uint32, results string) string { return opaque("") + u32(n) + results }

func TestVersion2(t *testing.T) {
	d := prototest.New(New(true))
	h := strings.Repeat("h", 32)
	d.Feed(flow.ToServer, []byte(callOf(1, 2, v2Lookup, h+opaque("old"))))
	d.Feed(flow.ToClient, []byte(replyOf(1, u32(0)+strings.Repeat("f", 32)+strings.Repeat("\x00", 68))))
	d.Feed(flow.ToServer, []byte(callOf(2, 2, v2Write, strings.Repeat("f", 32)+u32(0, 0, 0)+opaque("abc"))))
	if list := files(d); len(list) != 1 || string(list[0].Data) != "abc" || string(list[0].Name) != "old" {
		t.Errorf("%+v", list)
	}
}

func TestGapAndFragments(t *testing.T) {
	data := long(70000)
	d := prototest.New(New(false))
	m := tcp(write3(1, "f", 0, data))
	d.Feed(flow.ToServer, m[:66000])
	d.Gap(flow.ToServer, 1000)
	d.Feed(flow.ToServer, m[67000:])
	feed(d, callOf(2, 3, v3Commit, handle("f")+u32(0, 0, 0)))
	if list := files(d); len(list) != 1 || list[0].Size != 70000 || list[0].State != file.Truncated {
		t.Fatalf("%+v", list)
	}
	d.Gap(flow.ToServer, 500)
	d.Feed(flow.ToServer, []byte("in the middle of a record, certainly"))
	feed(d, callOf(3, 3, v3Lookup, handle("d")+opaque("x")))
	split := callOf(4, 3, v3Remove, handle("d")+opaque("split"))
	d.Feed(flow.ToServer, []byte(u32(40)+split[:40]))
	d.Feed(flow.ToServer, []byte(u32(lastMark|uint32(len(split)-40))+split[40:]))
	if n := len(d.Live.List); n != 4 || string(d.Live.List[3].(*Transaction).Name) != "split" {
		t.Errorf("%d transactions\n%s", n, d.JSON())
	}
}

func TestBounds(t *testing.T) {
	d := prototest.New(New(false))
	for i := range uint32(400) {
		feed(d, callOf(i, 3, v3Lookup, handle("d")+opaque("x")))
		if i&1 == 0 {
			feed(d, "<"+replyOf(i, u32(0)+handle(u32(i))))
		}
		feed(d, write3(i+1000, u32(i), 5, "early"))
	}
	p := d.Parser.(*Parser)
	if len(p.pending) > pendingMax || len(p.handles) > handlesMax || len(p.files) > filesMax || !strings.Contains(d.JSON(), "too_many_transactions") {
		t.Errorf("%d calls, %d handles, %d files", len(p.pending), len(p.handles), len(p.files))
	}
	d.End()
	if p.pool.Used != 0 {
		t.Errorf("%d bytes still wait", p.pool.Used)
	}
}

func TestRecognise(t *testing.T) {
	f := func(b []byte, dir flow.Direction, udp bool, port uint16, want proto.Match) {
		t.Helper()
		if m := Recognise(&proto.Probe{Data: b, Dir: dir, Datagram: udp, ServerPort: port}); m != want {
			t.Errorf("%x: %d, want %d", b[:min(len(b), 28)], m, want)
		}
	}
	m := callOf(1, 3, 0, "")
	f(tcp(m), flow.ToServer, false, 700, proto.Yes)
	f(tcp(m), flow.ToClient, false, 700, proto.Reversed)
	f(tcp(m)[:20], flow.ToServer, false, 2049, proto.Maybe)
	f([]byte(m), flow.ToServer, true, 2049, proto.Yes)
	f([]byte(callOf(1, 9, 0, "")), flow.ToServer, true, 2049, proto.No)
	f([]byte(strings.Replace(m, u32(program), u32(100000), 1)), flow.ToServer, true, 2049, proto.No) // the port mapper
	f(tcp(replyOf(1, u32(0))), flow.ToClient, false, 2049, proto.Yes)
	f([]byte("\x16\x03\x01\x00\x30"), flow.ToServer, false, 2049, proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(append(prototest.Pack(0, string(tcp(callOf(1, 3, v3Read, handle("file")+u32(0, 0, 9000))))), prototest.Pack(1, string(tcp(replyOf(1, read3("abc", 1)))))...), false)
	f.Add(prototest.Pack(0, string(tcp(write3(2, "file", 8, "data")))), false)
	f.Add(prototest.Pack(0, string(tcp(callOf(2, 4, 1, opaque("")+u32(1, 2, opPutFH)+handle("file")+u32(opWrite)+"ssssssssssssssss"+u32(0, 0, 2)+opaque("abcd"))))), false)
	f.Add(prototest.Pack(0, callOf(1, 2, v2Lookup, strings.Repeat("h", 32)+opaque("old"))), true)
	f.Fuzz(func(t *testing.T, b []byte, udp bool) {
		d := prototest.New(New(udp))
		d.Script(b)
		p := d.Parser.(*Parser)
		if len(p.pending) > pendingMax || len(p.handles) > handlesMax || len(p.files) > 0 || p.pool.Used != 0 {
			t.Errorf("%d calls, %d handles, %d files, %d bytes held at the end", len(p.pending), len(p.handles), len(p.files), p.pool.Used)
		}
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: udp, ServerPort: 2049})
	})
}
