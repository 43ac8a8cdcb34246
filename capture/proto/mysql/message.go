package mysql

import (
	"bytes"
	"strconv"

	"fengsui/capture/proto/wire"
)

// Commands (MySQL Client/Server Protocol, Command Phase).
const (
	comQuit           = 1
	comInitDB         = 2
	comQuery          = 3
	comFieldList      = 4
	comStatistics     = 9
	comProcessKill    = 12
	comChangeUser     = 17
	comBinlogDump     = 18
	comStmtPrepare    = 22
	comStmtExecute    = 23
	comStmtLongData   = 24
	comStmtClose      = 25
	comStmtFetch      = 28
	comBinlogDumpGTID = 30
	comLast           = 32
	commandLogin      = 255 // ours: the login
)

// commandNames is indexed by command and never written.
var commandNames = [...]string{
	"SLEEP", "QUIT", "INIT_DB", "QUERY", "FIELD_LIST", "CREATE_DB", "DROP_DB", "REFRESH", "SHUTDOWN", "STATISTICS", "PROCESS_INFO", "CONNECT", "PROCESS_KILL",
	"DEBUG", "PING", "TIME", "DELAYED_INSERT", "CHANGE_USER", "BINLOG_DUMP", "TABLE_DUMP", "CONNECT_OUT", "REGISTER_SLAVE", "STMT_PREPARE", "STMT_EXECUTE",
	"STMT_SEND_LONG_DATA", "STMT_CLOSE", "STMT_RESET", "SET_OPTION", "STMT_FETCH", "DAEMON", "BINLOG_DUMP_GTID", "RESET_CONNECTION", "CLONE",
}

// Capability flags.
const (
	capConnectWithDB    = 0x8
	capCompress         = 0x20
	capProtocol41       = 0x200
	capSSL              = 0x800
	capSecureConnection = 0x8000
	capPluginAuth       = 0x80000
	capConnectAttrs     = 0x100000
	capLenencAuth       = 0x200000
	capDeprecateEOF     = 0x1000000
	capZstd             = 0x4000000
	capQueryAttributes  = 0x8000000
	statusMoreResults   = 0x8
)

const (
	headerBytes     = 4
	packetMax       = 64 << 10
	packetWhole     = 0xffffff
	protocolVersion = 10
	markOK          = 0x00
	markMore        = 0x01
	markLocalFile   = 0xfb
	markEOF         = 0xfe
	markError       = 0xff
)

// greeting is what the server says first.
type greeting struct {
	version string
	caps    uint32
	plugin  string
}

func parseGreeting(b []byte) (g greeting, ok bool) {
	r := wire.NewReader(b)
	if r.U8() != protocolVersion {
		return g, false
	}
	g.version = string(r.Text())
	r.Skip(4 + 8 + 1)
	g.caps = uint32(r.LE16())
	if r.Short() {
		return g, false
	}
	if r.Len() == 0 {
		return g, true
	}
	r.Skip(1 + 2)
	g.caps |= uint32(r.LE16()) << 16
	salt := int(r.U8())
	r.Skip(10 + max(13, salt-8))
	g.plugin = string(bytes.TrimRight(r.Rest(), "\x00"))
	return g, true
}

// response is the client's answer to the greeting.
type response struct {
	caps     uint32
	user     string
	database string
	plugin   string
	program  string
}

func parseResponse(b []byte) (p response, ok bool) {
	r := wire.NewReader(b)
	p.caps = uint32(r.LE16())
	if p.caps&capProtocol41 == 0 { // before 4.1
		r.Skip(3)
		p.user = string(r.Text())
		if p.caps&capConnectWithDB != 0 {
			r.Text()
			p.database = string(r.Text())
		}
		return p, !r.Short()
	}
	p.caps |= uint32(r.LE16()) << 16
	r.Skip(4 + 1 + 23)
	if r.Len() == 0 && p.caps&capSSL != 0 {
		return p, !r.Short()
	}
	p.user = string(r.Text())
	switch {
	case p.caps&capLenencAuth != 0:
		lenenc(&r)
	case p.caps&capSecureConnection != 0:
		r.Skip(int(r.U8()))
	default:
		r.Text()
	}
	ok = !r.Short()
	if p.caps&capConnectWithDB != 0 {
		p.database = string(r.Text())
	}
	if p.caps&capPluginAuth != 0 && r.Len() > 0 {
		p.plugin = string(r.Text())
	}
	if p.caps&capConnectAttrs != 0 && r.Len() > 0 {
		in := wire.NewReader(lenenc(&r))
		for range 64 {
			name, value := lenenc(&in), lenenc(&in)
			if in.Short() {
				break
			}
			if string(name) == "program_name" || p.program == "" && string(name) == "_client_name" {
				p.program = string(value[:min(len(value), 256)])
			}
			if in.Len() == 0 {
				break
			}
		}
	}
	return p, ok
}

// number reads a length-encoded integer.
func number(r *wire.Reader) uint64 {
	switch c := r.U8(); c {
	case 0xfc:
		return uint64(r.LE16())
	case 0xfd:
		return uint64(r.LE24())
	case 0xfe:
		return r.LE64()
	default:
		return uint64(c)
	}
}

// lenenc reads a length-encoded string.
func lenenc(r *wire.Reader) []byte {
	n := number(r)
	if n > uint64(r.Len()) {
		r.Skip(-1)
		return nil
	}
	return r.Bytes(int(n))
}

// ok reads an OK packet.
func parseOK(b []byte) (rows uint64, status uint16) {
	r := wire.NewReader(b[1:])
	rows = number(&r)
	number(&r)
	return rows, r.LE16()
}

// parseError reads an ERR packet.
func parseError(b []byte) (code string, text []byte) {
	r := wire.NewReader(b[1:])
	code = strconv.Itoa(int(r.LE16()))
	if p := r.Peek(); len(p) >= 6 && p[0] == '#' {
		r.Skip(6)
	}
	return code, r.Rest()
}

// row writes a text row as values with commas between, NULL for a missing one.
func row(b []byte, columns uint64) (line []byte, ok bool) {
	r := wire.NewReader(b)
	for i := range columns {
		if i > 0 {
			line = append(line, ',')
		}
		if p := r.Peek(); len(p) > 0 && p[0] == markLocalFile {
			r.Skip(1)
			line = append(line, "NULL"...)
			continue
		}
		line = append(line, lenenc(&r)...)
		if r.Short() {
			return line, false
		}
	}
	return line, true
}

// statementText takes the text of COM_QUERY behind query attributes (MySQL 8.0.23), which are passed over.
func statementText(b []byte, attributes bool) []byte {
	if !attributes {
		return b
	}
	r := wire.NewReader(b)
	n := number(&r)
	number(&r) // how many sets: one
	if r.Short() || n > uint64(r.Len()) {
		return b
	}
	if n == 0 {
		return r.Rest()
	}
	nulls := r.Bytes(int(n+7) / 8)
	if r.U8() != 1 {
		return b
	}
	types := make([]byte, n)
	for i := range types {
		types[i] = r.U8()
		r.Skip(1)
		lenenc(&r)
	}
	for i, t := range types {
		if r.Short() {
			return b
		}
		if nulls[i/8]&(1<<(i%8)) != 0 {
			continue
		}
		switch t {
		case 1: // TINY
			r.Skip(1)
		case 2, 13: // SHORT, YEAR
			r.Skip(2)
		case 3, 4, 9: // LONG, FLOAT, INT24
			r.Skip(4)
		case 5, 8: // DOUBLE, LONGLONG
			r.Skip(8)
		case 7, 10, 11, 12: // TIMESTAMP, DATE, TIME, DATETIME
			r.Skip(int(r.U8()))
		default:
			lenenc(&r)
		}
	}
	if r.Short() {
		return b
	}
	return r.Rest()
}
