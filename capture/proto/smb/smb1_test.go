package smb

import (
	"strings"
	"testing"

	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto/pieces"
	"fengsui/capture/proto/prototest"
)

// one writes a message of SMB 1 with one command.
func one(command byte, response bool, id, tree uint16, words, data []byte) []byte {
	b := append([]byte("\xffSMB"), make([]byte, header1Bytes-4)...)
	b[4] = command
	if response {
		b[9] = flag1Response
	}
	app.PutUint16(b[10:], flag1Unicode|flag1NTStatus)
	app.PutUint16(b[24:], tree)
	app.PutUint16(b[30:], id)
	b = append(b, byte(len(words)/2))
	b = append(b, words...)
	b = app.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

func andXNone(n int, put func(b []byte)) []byte {
	return body(n, func(b []byte) {
		b[0] = noAndX
		put(b)
	})
}

// share connects a tree of SMB 1 and opens a file in it as 0x4001.
func opened1(path, name string) *prototest.Driver {
	d := prototest.New(New(false))
	d.Feed(flow.ToServer, nbss(one(cmd1TreeAndX, false, 1, 0xffff, andXNone(8, func(b []byte) { b[6] = 1 }), append(append([]byte{0}, wide(path+"\x00")...), "?????\x00"...))))
	service := "A:\x00"
	if strings.HasSuffix(path, "IPC$") {
		service = "IPC\x00"
	}
	d.Feed(flow.ToClient, nbss(one(cmd1TreeAndX, true, 1, 3, andXNone(6, func([]byte) {}), []byte(service))))
	w := wide(name)
	d.Feed(flow.ToServer, nbss(one(cmd1NTCreate, false, 2, 3, andXNone(48, func(b []byte) { app.PutUint16(b[5:], uint16(len(w))) }), append([]byte{0}, w...))))
	d.Feed(flow.ToClient, nbss(one(cmd1NTCreate, true, 2, 3, andXNone(68, func(b []byte) { app.PutUint16(b[5:], 0x4001) }), nil)))
	return d
}

func write1(offset uint32, place, n int) []byte {
	return andXNone(28, func(b []byte) {
		app.PutUint16(b[4:], 0x4001)
		app.PutUint32(b[6:], offset)
		app.PutUint16(b[20:], uint16(n))
		app.PutUint16(b[22:], uint16(place))
	})
}

func TestSMB1File(t *testing.T) {
	d := opened1(`\\host\data`, `\a.txt`)
	// The data lies behind padding; then a chain: write and close in one message.
	d.Feed(flow.ToServer, nbss(one(cmd1WriteAndX, false, 3, 3, write1(0, header1Bytes+1+28+2+3, 5), []byte("\x00\x00\x00hello"))))
	d.Feed(flow.ToClient, nbss(one(cmd1WriteAndX, true, 3, 3, andXNone(12, func([]byte) {}), nil)))
	words := write1(5, header1Bytes+1+28+2, 6)
	words[0], words[2] = cmd1Close, header1Bytes+1+28+2+6
	m := one(cmd1WriteAndX, false, 4, 3, words, []byte(" world"))
	m = append(m, 3, 0x01, 0x40, 0, 0, 0, 0, 0, 0)
	d.Feed(flow.ToServer, nbss(m))
	answer := andXNone(12, func(b []byte) { b[0], b[2] = cmd1Close, header1Bytes+1+12+2 })
	d.Feed(flow.ToClient, nbss(append(one(cmd1WriteAndX, true, 4, 3, answer, nil), 0, 0, 0)))
	list := files(d)
	if len(list) != 1 || string(list[0].Data) != "hello world" || list[0].State != file.Closed || string(list[0].Name) != `\a.txt` {
		t.Fatalf("%+v\n%s", list, d.JSON())
	}
	if js := d.JSON(); !strings.Contains(js, `"file.path":"\\\\host\\data\\a.txt"`) || !strings.Contains(js, `"fengsui.smb.share_type":"FILE"`) {
		t.Error(js)
	}
}

func TestSMB1Read(t *testing.T) {
	d := opened1(`\\host\data`, `\b`)
	d.Feed(flow.ToServer, nbss(one(cmd1ReadAndX, false, 3, 3, andXNone(24, func(b []byte) { app.PutUint16(b[4:], 0x4001) }), nil)))
	d.Feed(flow.ToClient, nbss(one(cmd1ReadAndX, true, 3, 3, andXNone(24, func(b []byte) {
		b[10] = 4
		b[12] = header1Bytes + 1 + 24 + 2
	}), []byte("data"))))
	d.Feed(flow.ToServer, nbss(one(cmd1Close, false, 4, 3, []byte{1, 0x40, 0, 0, 0, 0}, nil)))
	d.Feed(flow.ToClient, nbss(one(cmd1Close, true, 4, 3, nil, nil)))
	if list := files(d); len(list) != 1 || string(list[0].Data) != "data" || list[0].State != file.Closed {
		t.Fatalf("%+v", list)
	}
}

func TestSMB1Pipe(t *testing.T) {
	d := opened1(`\\host\IPC$`, `\svcctl`)
	request := "\x05\x00\x00\x03\x10\x00\x00\x00\x1c\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x00\x00\x0c\x00stub"
	response := strings.Replace(request, "\x05\x00\x00", "\x05\x00\x02", 1)
	d.Feed(flow.ToServer, nbss(one(cmd1Transaction, false, 3, 3, body(32, func(b []byte) {
		app.PutUint16(b[22:], uint16(len(request)))
		app.PutUint16(b[24:], header1Bytes+1+32+2+2)
		b[26], b[28] = 2, pipeTransact
		app.PutUint16(b[30:], 0x4001)
	}), []byte("xx"+request))))
	d.Feed(flow.ToClient, nbss(one(cmd1Transaction, true, 3, 3, body(20, func(b []byte) {
		app.PutUint16(b[12:], uint16(len(response)))
		app.PutUint16(b[14:], header1Bytes+1+20+2)
	}), []byte(response))))
	tx := d.Live.List[len(d.Live.List)-1].(*Transaction)
	if c := tx.RPC(); c == nil || c.Opnum != 12 || !c.Sides[1].Done || !tx.Complete(flow.ToServer) {
		t.Fatalf("%+v", tx)
	}
	if tx := d.Live.List[0].(*Transaction); !tx.Pipe || tx.ShareType != "PIPE" || string(tx.Service[0]) != "?????" {
		t.Errorf("%+v", tx)
	}
}

func TestSMB1Login(t *testing.T) {
	d := prototest.New(New(false))
	words := andXNone(26, func(b []byte) { b[14], b[16] = 2, 3 })
	data := append([]byte("lmunt"), wide("bob\x00CORP\x00Unix\x00Samba\x00")...)
	m := one(cmd1SessionSetup, false, 1, 0xffff, words, data)
	d.Feed(flow.ToServer, nbss(m))
	tx := d.Live.List[0].(*Transaction)
	if n := tx.NTLM; n == nil || string(n.User) != "bob" || string(n.Domain) != "CORP" || string(tx.System[0]) != "Unix" || string(tx.Manager[0]) != "Samba" {
		t.Errorf("%+v %q", n, tx.System[0])
	}
	app.PutUint32(m[5:], 0xc000006d)
	short := one(cmd1SessionSetup, true, 1, 0, nil, nil)[:header1Bytes+3]
	app.PutUint32(short[5:], 0xc000006d)
	d.Feed(flow.ToClient, nbss(short))
	if js := d.JSON(); !strings.Contains(js, "STATUS_LOGON_FAILURE") || !tx.Complete(flow.ToClient) {
		t.Error(js)
	}
}

func FuzzParser(f *testing.F) {
	seed := func(parts ...[]byte) {
		var b []byte
		for i, p := range parts {
			b = append(b, prototest.Pack(flow.Direction(i%2), string(p))...)
		}
		f.Add(b)
	}
	seed(treeConnect(1, `\\h\IPC$`), treeConnected(1, 5, 2), nbss(two(cmd2Create, false, 2, 5, 0, create("n"))), nbss(two(cmd2Create, true, 2, 5, 0, created(9, 7))),
		nbss(two(cmd2Write, false, 3, 5, 0, write(0, 7, "\x05\x00\x0b\x03\x10\x00\x00\x00"))))
	seed(treeConnect(1, `\\h\d`), treeConnected(1, 5, 1), nbss(two(cmd2Create, false, 2, 5, 0, create("n"))), nbss(two(cmd2Create, true, 2, 5, 0, created(9, 7))),
		nbss(two(cmd2Write, false, 3, 5, 0, write(90, 7, long(4200)))), nbss(two(cmd2Write, true, 3, 5, 0, make([]byte, 16))), nbss(two(cmd2Read, false, 4, 5, 0, read(0, 7, 9))),
		nbss(two(cmd2Read, true, 4, 5, 0, readData("abcdefghi"))))
	seed(sessionSetup(1, token("D", "u", "h")))
	seed(nbss(one(cmd1WriteAndX, false, 4, 3, write1(5, 61, 6), []byte(" world"))))
	seed(nbss(one(cmd1NTCreate, false, 2, 3, andXNone(48, func(b []byte) { b[5] = 4 }), wide("ab"))), nbss(one(cmd1NTCreate, true, 2, 3, andXNone(68, func([]byte) {}), nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(false))
		d.Script(b)
		p := d.Parser.(*Parser)
		if len(p.pending) > pendingMax || len(p.handles) > handlesMax || len(p.trees) > treesMax || p.pool.Used > pieces.FlowBytes {
			t.Errorf("%d requests, %d handles, %d trees, %d bytes", len(p.pending), len(p.handles), len(p.trees), p.pool.Used)
		}
		for _, dir := range []flow.Direction{flow.ToServer, flow.ToClient} {
			if n := len(d.Rest(dir)); n > wholeMax+nbssBytes {
				t.Errorf("%d bytes not consumed", n)
			}
		}
		d.JSON()
	})
}
