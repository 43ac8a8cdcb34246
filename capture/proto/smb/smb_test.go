package smb

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/pieces"
	"fengsui/capture/proto/prototest"
)

var app = binary.LittleEndian

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = app.AppendUint16(b, u)
	}
	return b
}

// nbss puts messages into a session record.
func nbss(messages ...[]byte) []byte {
	b := bytes.Join(messages, nil)
	return append([]byte{0, byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}, b...)
}

// two writes a message of SMB 2.
func two(command uint16, response bool, id uint64, tree uint32, status uint32, body []byte) []byte {
	b := append([]byte("\xfeSMB\x40"), make([]byte, header2Bytes-5)...)
	app.PutUint32(b[8:], status)
	app.PutUint16(b[12:], command)
	if response {
		b[16] = flag2Response
	}
	app.PutUint64(b[24:], id)
	app.PutUint32(b[36:], tree)
	app.PutUint64(b[40:], 0x4000)
	return append(b, body...)
}

// body makes n fixed bytes with numbers put at places.
func body(n int, put func(b []byte)) []byte {
	b := make([]byte, n)
	put(b)
	return b
}

func fileID(n byte) []byte { return bytes.Repeat([]byte{n}, 16) }

func treeConnect(id uint64, path string) []byte {
	p := wide(path)
	return nbss(two(cmd2TreeConnect, false, id, 0, 0, append(body(8, func(b []byte) {
		app.PutUint16(b[4:], header2Bytes+8)
		app.PutUint16(b[6:], uint16(len(p)))
	}), p...)))
}

func treeConnected(id uint64, tree uint32, kind byte) []byte {
	return nbss(two(cmd2TreeConnect, true, id, tree, 0, body(16, func(b []byte) { b[2] = kind })))
}

func create(name string) []byte {
	p := wide(name)
	return append(body(56, func(b []byte) {
		app.PutUint32(b[36:], 2)
		app.PutUint16(b[44:], header2Bytes+56)
		app.PutUint16(b[46:], uint16(len(p)))
	}), p...)
}

func created(size uint64, id byte) []byte {
	return body(88, func(b []byte) {
		app.PutUint64(b[48:], size)
		copy(b[64:], fileID(id))
	})
}

func write(offset uint64, id byte, data string) []byte {
	return append(body(48, func(b []byte) {
		app.PutUint16(b[2:], header2Bytes+48)
		app.PutUint32(b[4:], uint32(len(data)))
		app.PutUint64(b[8:], offset)
		copy(b[16:], fileID(id))
	}), data...)
}

func read(offset uint64, id byte, n int) []byte {
	return body(49, func(b []byte) {
		app.PutUint32(b[4:], uint32(n))
		app.PutUint64(b[8:], offset)
		copy(b[16:], fileID(id))
	})
}

func readData(data string) []byte {
	return append(body(16, func(b []byte) {
		b[2] = header2Bytes + 16
		app.PutUint32(b[4:], uint32(len(data)))
	}), data...)
}

func closing(id byte) []byte { return body(24, func(b []byte) { copy(b[8:], fileID(id)) }) }

// opened returns a driver with the share connected as tree 5 and a file open as 7.
func opened(share, name string, size uint64) *prototest.Driver {
	d := prototest.New(New(false))
	kind := byte(1)
	if strings.HasSuffix(share, "IPC$") {
		kind = 2
	}
	d.Feed(flow.ToServer, treeConnect(1, share))
	d.Feed(flow.ToClient, treeConnected(1, 5, kind))
	d.Feed(flow.ToServer, nbss(two(cmd2Create, false, 2, 5, 0, create(name))))
	d.Feed(flow.ToClient, nbss(two(cmd2Create, true, 2, 5, 0, created(size, 7))))
	return d
}

// files lists all files of a driver's transactions.
func files(d *prototest.Driver) (list []*file.File) {
	for _, tx := range d.Live.List {
		t := tx.(*Transaction)
		list = append(append(list, t.Files(flow.ToServer)...), t.Files(flow.ToClient)...)
	}
	return list
}

func long(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteByte(byte('a' + i%26 + i/26%2))
	}
	return b.String()
}

func TestWrites(t *testing.T) {
	data := long(30000)
	// Pieces out of order, one sent twice, one record fed in small bites.
	d := opened(`\\h\share`, `dir\päth.txt`, 0)
	pieces := []struct{ from, to int }{{10000, 20000}, {0, 10000}, {5000, 10000}, {20000, 30000}}
	for i, p := range pieces {
		m := nbss(two(cmd2Write, false, uint64(10+i), 5, 0, write(uint64(p.from), 7, data[p.from:p.to])))
		for len(m) > 0 {
			n := min(len(m), 1+i*977)
			if i == 0 {
				n = len(m)
			}
			d.Feed(flow.ToServer, m[:n])
			m = m[n:]
		}
		d.Feed(flow.ToClient, nbss(two(cmd2Write, true, uint64(10+i), 5, 0, make([]byte, 16))))
	}
	d.Feed(flow.ToServer, nbss(two(cmd2Close, false, 20, 5, 0, closing(7))))
	d.Feed(flow.ToClient, nbss(two(cmd2Close, true, 20, 5, 0, make([]byte, 60))))
	list := files(d)
	if len(list) != 1 || string(list[0].Data) != data || list[0].State != file.Closed || string(list[0].Name) != `dir\päth.txt` {
		t.Fatalf("%d files, %+v", len(list), list)
	}
	p := d.Parser.(*Parser)
	if p.pool.Used != 0 || len(p.handles) != 0 || len(p.pending) != 0 {
		t.Errorf("%d bytes queued, %d handles, %d requests left", p.pool.Used, len(p.handles), len(p.pending))
	}
	for _, tx := range d.Live.List {
		if !tx.Complete(flow.ToServer) || !tx.Complete(flow.ToClient) {
			t.Errorf("%+v is not complete", tx)
		}
	}
	if !strings.Contains(d.JSON(), "file_overlap") {
		t.Error("the overlap was not noted")
	}
}

func TestReads(t *testing.T) {
	data := long(12000)
	d := opened(`\\h\share`, "big.bin", 12000)
	d.Feed(flow.ToServer, nbss(two(cmd2Read, false, 30, 5, 0, read(8000, 7, 4000))))
	d.Feed(flow.ToServer, nbss(two(cmd2Read, false, 31, 5, 0, read(0, 7, 8000))))
	d.Feed(flow.ToServer, nbss(two(cmd2Close, false, 32, 5, 0, closing(7))))
	d.Feed(flow.ToClient, nbss(two(cmd2Read, true, 30, 5, 0, readData(data[8000:]))))
	m := nbss(two(cmd2Read, true, 31, 5, 0, readData(data[:8000])))
	d.Feed(flow.ToClient, m[:300])
	d.Feed(flow.ToClient, m[300:])
	d.Feed(flow.ToClient, nbss(two(cmd2Close, true, 32, 5, 0, make([]byte, 60))))
	if list := files(d); len(list) != 1 || string(list[0].Data) != data || list[0].State != file.Closed || list[0].Dir != flow.ToClient {
		t.Fatalf("%d files %+v", len(list), list)
	}
}

func TestGapInWrite(t *testing.T) {
	data := long(9000)
	d := opened(`\\h\share`, "f", 0)
	m := nbss(two(cmd2Write, false, 10, 5, 0, write(0, 7, data)))
	d.Feed(flow.ToServer, m[:1000])
	d.Gap(flow.ToServer, 2000)
	d.Feed(flow.ToServer, m[3000:])
	d.Feed(flow.ToServer, nbss(two(cmd2Close, false, 11, 5, 0, closing(7))))
	list := files(d)
	if len(list) != 1 || list[0].Size != 9000 || list[0].State != file.Truncated {
		t.Fatalf("%+v", list)
	}
	// A gap beyond the record: the next one is found behind rubbish.
	d.Gap(flow.ToServer, 50)
	d.Feed(flow.ToServer, []byte("rest of something"))
	d.Feed(flow.ToServer, treeConnect(12, `\\h\other`))
	if !strings.Contains(d.JSON(), `h\\other`) {
		t.Errorf("not found again: %s", d.JSON())
	}
}

func TestCompound(t *testing.T) {
	d := opened(`\\h\share`, "first", 0)
	related := func(b []byte, next int) []byte {
		app.PutUint32(b[20:], uint32(next))
		return b
	}
	one := related(two(cmd2Create, false, 40, 5, 0, append(create("x"), make([]byte, 6)...)), 128)
	w := write(0, 255, long(5000))
	wr := two(cmd2Write, false, 41, 0xffffffff, 0, append(w, 0, 0, 0, 0))
	wr[16] = flag2Related
	wr = related(wr, len(wr))
	cl := two(cmd2Close, false, 42, 0xffffffff, 0, closing(255))
	cl[16] = flag2Related
	d.Feed(flow.ToServer, nbss(one, wr, cl))
	re := func(b []byte) []byte { return related(b, len(b)) }
	d.Feed(flow.ToClient, nbss(re(two(cmd2Create, true, 40, 5, 0, created(0, 9))), re(two(cmd2Write, true, 41, 5, 0, make([]byte, 16))),
		two(cmd2Close, true, 42, 5, 0, make([]byte, 64))))
	list := files(d)
	if len(list) != 1 || string(list[0].Name) != "x" || list[0].State != file.Closed || list[0].Size != 5000 {
		t.Fatalf("%+v\n%s", list, d.JSON())
	}
}

func TestRenameAndDelete(t *testing.T) {
	d := opened(`\\h\share`, "old.txt", 3)
	set := func(id uint64, class byte, data []byte) {
		d.Feed(flow.ToServer, nbss(two(cmd2SetInfo, false, id, 5, 0, append(body(32, func(b []byte) {
			b[2], b[3] = 1, class
			app.PutUint32(b[4:], uint32(len(data)))
			app.PutUint16(b[8:], header2Bytes+32)
			copy(b[16:], fileID(7))
		}), data...))))
		d.Feed(flow.ToClient, nbss(two(cmd2SetInfo, true, id, 5, 0, make([]byte, 2))))
	}
	name := wide("new.txt")
	set(50, classRename, append(body(20, func(b []byte) { app.PutUint32(b[16:], uint32(len(name))) }), name...))
	set(51, classDisposition, []byte{1})
	set(52, 4, make([]byte, 40)) // times: no transaction
	last := d.Live.List[len(d.Live.List)-2:]
	re, del := last[0].(*Transaction), last[1].(*Transaction)
	if string(re.Name) != "old.txt" || string(re.NewName) != "new.txt" || !del.Delete || string(del.Name) != "new.txt" || len(d.Live.List) != 4 {
		t.Errorf("%d transactions\n%s", len(d.Live.List), d.JSON())
	}
}

// token writes an NTLMSSP authenticate message.
func token(domain, user, host string) []byte {
	b := append([]byte("NTLMSSP\x00\x03"), make([]byte, 63)...)
	app.PutUint32(b[60:], ntlmUnicode|ntlmVersion)
	copy(b[64:], "\x0a\x00\x61\x4a\x00\x00\x00\x0f")
	for i, s := range []string{domain, user, host} {
		w := wide(s)
		app.PutUint16(b[28+8*i:], uint16(len(w)))
		app.PutUint16(b[30+8*i:], uint16(len(w)))
		app.PutUint32(b[32+8*i:], uint32(len(b)))
		b = append(b, w...)
	}
	return b
}

func sessionSetup(id uint64, token []byte) []byte {
	return nbss(two(cmd2SessionSetup, false, id, 0, 0, append(body(24, func(b []byte) {
		app.PutUint16(b[12:], header2Bytes+24)
		app.PutUint16(b[14:], uint16(len(token)))
	}), token...)))
}

func TestLogin(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, sessionSetup(1, token("CORP", "jörg", "PC1")))
	d.Feed(flow.ToClient, nbss(two(cmd2SessionSetup, true, 1, 0, 0xc000006d, make([]byte, 8))))
	tx := d.Live.List[0].(*Transaction)
	if n := tx.NTLM; n == nil || string(n.User) != "jörg" || string(n.Domain) != "CORP" || string(n.Host) != "PC1" || n.Version != "10.0 build 19041 rev 15" {
		t.Errorf("%+v", n)
	}
	if js := d.JSON(); !strings.Contains(js, "STATUS_LOGON_FAILURE") || !strings.Contains(js, `"event.outcome":"failure"`) {
		t.Error(js)
	}
	d.Feed(flow.ToServer, sessionSetup(2, token("CORP", "x", "y")[:50]))
	if !slices.Contains(d.Live.List[1].Base().Anomalies, "malformed_ntlmssp_request") {
		t.Error("a cut token was not noted")
	}
	ap := []byte("\x60\x3b\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x31\x30\x2f\xa2\x2d\x04\x2b\x60\x29\x06\x01\x2a\x01\x00" +
		"\x6e\x22\x30\x20\xa3\x1e\x61\x1c\x30\x1a\xa1\x03\x1b\x01R\xa2\x13\x30\x11\xa1\x0f\x30\x0d\x1b\x04cifs\x1b\x05h.dom")
	if k := kerberosOf(ap); k == nil || string(k.Realm) != "R" || len(k.Services) != 2 || string(k.Services[1]) != "h.dom" {
		t.Errorf("%+v", k)
	}
}

func TestPipe(t *testing.T) {
	d := opened(`\\h\IPC$`, "svcctl", 0)
	bind := "\x05\x00\x0b\x03\x10\x00\x00\x00\x48\x00\x00\x00\x01\x00\x00\x00\xb8\x10\xb8\x10\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00" +
		"\x81\xbb\x7a\x36\x44\x98\xf1\x35\xad\x32\x98\xf0\x38\x00\x10\x03\x02\x00\x00\x00" + strings.Repeat("\x00", 20)
	ack := "\x05\x00\x0c\x03\x10\x00\x00\x00\x38\x00\x00\x00\x01\x00\x00\x00\xb8\x10\xb8\x10\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00" +
		strings.Repeat("\x00", 24)
	request := "\x05\x00\x00\x03\x10\x00\x00\x00\x1c\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x00\x00\x0c\x00stub"
	response := "\x05\x00\x02\x03\x10\x00\x00\x00\x1c\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00done"
	d.Feed(flow.ToServer, nbss(two(cmd2Write, false, 10, 5, 0, write(0, 7, bind))))
	d.Feed(flow.ToClient, nbss(two(cmd2Write, true, 10, 5, 0, make([]byte, 16))))
	d.Feed(flow.ToServer, nbss(two(cmd2Read, false, 11, 5, 0, read(0, 7, 1024))))
	d.Feed(flow.ToClient, nbss(two(cmd2Read, true, 11, 5, 0, readData(ack))))
	ioctl := append(body(56, func(b []byte) {
		app.PutUint32(b[4:], fsctlPipeTransceive)
		copy(b[8:], fileID(7))
		app.PutUint32(b[24:], header2Bytes+56)
		app.PutUint32(b[28:], uint32(len(request)))
	}), request...)
	d.Feed(flow.ToServer, nbss(two(cmd2Ioctl, false, 12, 5, 0, ioctl)))
	d.Feed(flow.ToClient, nbss(two(cmd2Ioctl, true, 12, 5, 0, append(body(48, func(b []byte) {
		app.PutUint32(b[32:], header2Bytes+48)
		app.PutUint32(b[36:], uint32(len(response)))
	}), response...))))
	d.End()
	n := len(d.Live.List)
	if n != 4 {
		t.Fatalf("%d transactions\n%s", n, d.JSON())
	}
	b, r := d.Live.List[2].(*Transaction), d.Live.List[3].(*Transaction)
	if b.RPC() == nil || b.RPC().IsRequest() || b.Command != cmd2Write || b.RPC().Interfaces[0].Result != 0 {
		t.Errorf("bind %+v", b.RPC())
	}
	c := r.RPC()
	if c == nil || c.Opnum != 12 || string(c.Sides[0].Stub) != "stub" || string(c.Sides[1].Stub) != "done" || r.Command != cmd2Ioctl ||
		c.Interfaces[0].UUID.String() != "367abb81-9844-35f1-ad32-98f038001003" {
		t.Errorf("request %+v", c)
	}
	want, err := os.ReadFile("testdata/pipe.golden")
	if err != nil || string(want) != d.JSON() {
		t.Errorf("%v\n%s", err, d.JSON())
	}
}

func TestNegotiate(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, nbss(one(cmd1Negotiate, false, 1, 0xffff, nil, []byte("\x02NT LM 0.12\x00\x02SMB 2.???\x00"))))
	d.Feed(flow.ToClient, nbss(two(cmd2Negotiate, true, 0, 0, 0, body(64, func(b []byte) {
		app.PutUint16(b[4:], 0x02ff)
		app.PutUint32(b[32:], 32<<20)
	}))))
	d.Feed(flow.ToServer, nbss(two(cmd2Negotiate, false, 1, 0, 0, append(body(36, func(b []byte) { app.PutUint16(b[2:], 2) }), 2, 2, 0x11, 3))))
	d.Feed(flow.ToServer, append([]byte{0, 0, 0, 60}, "\xfdSMB"+strings.Repeat("x", 56)...))
	a, b := d.Live.List[0].(*Transaction), d.Live.List[1].(*Transaction)
	if a.Version != 1 || a.Dialect != "2.??" || len(a.Dialects) != 2 || !slices.Contains(a.Anomalies, "negotiate_max_read_size_too_large") {
		t.Errorf("%+v", a)
	}
	if b.Version != 2 || strings.Join(b.Dialects, " ") != "2.02 3.11" {
		t.Errorf("%+v", b)
	}
	if e := d.Live.List[2].(*Transaction); !e.Encrypted || len(d.Live.List) != 3 {
		t.Errorf("%+v", e)
	}
}

func TestOdd(t *testing.T) {
	d := prototest.New(New(false))
	again := nbss(two(cmd2Negotiate, false, 1, 0, 0, append(body(36, func(b []byte) { app.PutUint16(b[2:], 9) }), 2, 2)))
	d.Feed(flow.ToServer, again)
	d.Feed(flow.ToServer, again)
	beyond := treeConnect(3, `\\h\s`)
	app.PutUint32(beyond[nbssBytes+20:], 4000)
	d.Feed(flow.ToServer, beyond)
	d.Feed(flow.ToServer, nbss(two(cmd2TreeConnect, false, 4, 0, 0, []byte{9, 0})))
	d.Feed(flow.ToServer, nbss([]byte("what is this")))
	d.Feed(flow.ToServer, nbss(two(cmd2Read, false, 5, 5, 0, read(0, 7, 64<<20))))
	js := d.JSON()
	for _, name := range []string{"duplicate_negotiate", "negotiate_malformed_dialects", "record_overflow", "malformed_data", "read_request_too_large"} {
		if !strings.Contains(js, name) {
			t.Errorf("%s is missing in\n%s", name, js)
		}
	}
	for _, tx := range d.Live.List {
		for _, a := range tx.Base().Anomalies {
			if !slices.Contains(Anomalies, a) {
				t.Errorf("%s is not listed", a)
			}
		}
	}
}

func TestWrongWay(t *testing.T) {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, treeConnected(1, 5, 1))
	d.Feed(flow.ToClient, treeConnect(2, `\\h\s`))
	js := d.JSON()
	if !strings.Contains(js, "response_to_server") || !strings.Contains(js, "request_to_client") {
		t.Error(js)
	}
}

func TestBounds(t *testing.T) {
	d := opened(`\\h\s`, "f", 0)
	for i := range uint64(300) {
		d.Feed(flow.ToServer, nbss(two(cmd2Create, false, 100+i, 5, 0, create("n"))))
		d.Feed(flow.ToClient, nbss(two(cmd2Create, true, 100+i, 5, 0, body(88, func(b []byte) { app.PutUint64(b[64:], i) }))))
		d.Feed(flow.ToServer, treeConnect(5000+i, `\\h\t`))
		d.Feed(flow.ToServer, nbss(two(cmd2Write, false, 9000+i, 5, 0, write(1<<20+i*200000, 7, long(100000)))))
	}
	p := d.Parser.(*Parser)
	if len(p.pending) > pendingMax || len(p.handles) > handlesMax || p.pool.Used > pieces.FlowBytes {
		t.Errorf("%d requests, %d handles, %d bytes held", len(p.pending), len(p.handles), p.pool.Used)
	}
	d.End()
	if p.pool.Used != 0 {
		t.Errorf("%d bytes held at the end", p.pool.Used)
	}
}

func TestRecognise(t *testing.T) {
	f := func(b []byte, dir flow.Direction, port uint16, want proto.Match) {
		t.Helper()
		if m := Recognise(&proto.Probe{Data: b, Dir: dir, ServerPort: port}); m != want {
			t.Errorf("%x: %d, want %d", b[:min(len(b), 20)], m, want)
		}
	}
	f(treeConnect(1, "x"), flow.ToServer, 9999, proto.Yes)
	f(treeConnect(1, "x"), flow.ToClient, 445, proto.Reversed)
	f([]byte("\x81\x00\x00\x44"), flow.ToServer, 139, proto.Yes)
	f([]byte("\x00\x00"), flow.ToServer, 445, proto.Maybe)
	f([]byte("\x00\x00"), flow.ToServer, 80, proto.No)
	f([]byte("GET / HTTP/1.1\r\n"), flow.ToServer, 445, proto.No)
}
