package ftp

import (
	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

const (
	listingMax = 4096
	// patience is how many bytes of a data connection wait for the command that explains them: the control connection's
	// bytes are read when they are acknowledged, which may be later.
	patience = 64 << 10
)

// Transfer is what the control connection knows of a data connection.
type Transfer struct {
	Command string // RETR, STOR, STOU, APPE, LIST, NLST, MLSD; "" while none was given
	Name    []byte // its argument
}

// DataTransaction is a data connection.
type DataTransaction struct {
	proto.State
	Command string
	Name    []byte
	Listing []byte // the beginning of a directory listing
	Bytes   uint64 // of the transfer, gaps included

	files    [2][]*file.File
	progress int
}

var (
	_ proto.Transaction = (*DataTransaction)(nil)
	_ proto.FileCarrier = (*DataTransaction)(nil)
)

// Protocol implements proto.Transaction.
func (t *DataTransaction) Protocol() string { return "ftp-data" }

// Progress implements proto.Transaction: Commanded from the first byte on, Done at the end, on both sides.
func (t *DataTransaction) Progress(flow.Direction) int { return t.progress }

// Complete implements proto.Transaction.
func (t *DataTransaction) Complete(flow.Direction) bool { return t.progress == Done }

// Files implements proto.FileCarrier.
func (t *DataTransaction) Files(dir flow.Direction) []*file.File { return t.files[dir] }

// Event implements proto.Transaction.
func (t *DataTransaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "file")
	e.Str(event.FTPDataCommand, t.Command)
	if t.Command == "RETR" || t.Command == "STOR" || t.Command == "STOU" || t.Command == "APPE" {
		e.Bytes(event.FTPDataFilename, t.Name)
		e.Bytes(event.FileName, t.Name)
	}
	e.Uint(event.FTPDataBytes, t.Bytes)
	e.Bytes(event.FTPDataListing, t.Listing)
}

// touch tells inspectors of both sides.
func (t *DataTransaction) touch() {
	t.Touch(flow.ToServer)
	t.Touch(flow.ToClient)
}

// DataParser reads one data connection. It implements proto.Parser.
type DataParser struct {
	about *Transfer
	tx    *DataTransaction
	ended [2]bool
}

var _ proto.Parser = (*DataParser)(nil)

// NewData makes a parser of a data connection that a control connection has announced; data is its *Transfer.
func NewData(data any) proto.Parser {
	about, _ := data.(*Transfer)
	if about == nil {
		about = &Transfer{}
	}
	return &DataParser{about: about}
}

// RecogniseData is the proto.Recogniser of data connections: nothing in them says what they are.
func RecogniseData(*proto.Probe) proto.Match { return proto.No }

// Data implements proto.Parser.
func (p *DataParser) Data(c *proto.Context, dir flow.Direction, b []byte) (int, proto.Verdict) {
	if p.tx == nil && p.about.Command == "" && len(b) < patience {
		return 0, proto.Continue
	}
	p.write(c, dir, b)
	return len(b), proto.Continue
}

// begin begins the transaction.
func (p *DataParser) begin(c *proto.Context) *DataTransaction {
	if p.tx == nil {
		p.tx = &DataTransaction{Command: p.about.Command, Name: p.about.Name, progress: Commanded}
		c.Begin(p.tx)
	}
	return p.tx
}

// file returns the file of a direction.
func (p *DataParser) file(c *proto.Context, dir flow.Direction) *file.File {
	t := p.tx
	switch t.Command {
	case "LIST", "NLST", "MLSD":
		return nil
	}
	if len(t.files[dir]) == 0 {
		t.files[dir] = append(t.files[dir], c.NewFile(dir, t.Name))
	}
	return t.files[dir][0]
}

func (p *DataParser) write(c *proto.Context, dir flow.Direction, b []byte) {
	t := p.begin(c)
	t.Bytes += uint64(len(b))
	if f := p.file(c, dir); f != nil {
		f.Write(b)
	} else {
		t.Listing = append(t.Listing, b[:min(len(b), listingMax-len(t.Listing))]...)
	}
	t.touch()
}

// Gap implements proto.Parser.
func (p *DataParser) Gap(c *proto.Context, dir flow.Direction, rest []byte, n int64) proto.Verdict {
	if len(rest) > 0 {
		p.write(c, dir, rest)
	}
	t := p.begin(c)
	t.Bytes += uint64(n)
	if f := p.file(c, dir); f != nil {
		f.Gap(n)
	}
	t.touch()
	return proto.Continue
}

// End implements proto.Parser. A file ends with the side that sent it.
func (p *DataParser) End(c *proto.Context, dir flow.Direction, rest []byte) {
	if len(rest) > 0 {
		p.write(c, dir, rest)
	}
	p.ended[dir] = true
	if p.tx == nil {
		return
	}
	for _, f := range p.tx.files[dir] {
		f.Close()
	}
	if p.ended[0] && p.ended[1] {
		p.tx.progress = Done
	}
	p.tx.touch()
}
