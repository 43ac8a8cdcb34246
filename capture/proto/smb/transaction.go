package smb

import (
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dcerpc"
)

// Progress of a side. They equal those of package dcerpc, for a transaction may be a call in a pipe.
const (
	NotStarted = iota
	Begun      // of a call or file: its first bytes
	Done
)

// Times of a file in seconds since 1970; 0 is unknown.
type Times struct{ Created, Accessed, Modified, Changed int64 }

// Transaction is a request with its response, the bytes of a file in one direction, or a call in a pipe.
type Transaction struct {
	proto.State
	Version   uint8 // 1, or 2 for SMB 2 and 3
	Command   uint16
	MessageID uint64
	Session   uint64
	Tree      uint32
	Status    uint32 // NT status, or class and code when DOSStatus
	DOSStatus bool
	Answered  bool // a status was seen
	Encrypted bool // the transaction stands for the flow's encrypted messages

	Dialect             string   // as negotiated so far
	Dialects            []string // offered
	ClientGUID          [16]byte
	ServerGUID          [16]byte
	HasClient           bool
	HasServer           bool
	MaxRead, MaxWrite   uint32
	NTLM                *NTLM
	Kerberos            *Kerberos
	System, Manager     [2][]byte // native OS and LAN manager of SMB 1, by direction
	Share               []byte    // of a tree connect: \\host\share
	Pipe                bool      // the share is IPC$
	ShareType           string    // FILE, PIPE, PRINT
	Service             [2][]byte // SMB 1, by direction
	Name                []byte    // of the file, relative to the share
	NewName             []byte    // of a rename
	Delete              bool      // the file was marked for deletion
	Directory           bool      // a directory was asked for
	Disposition, Access uint32    // of a create; Access are its options
	Times               Times
	Size                uint64 // of the file when it was opened
	HasHandle           bool
	Handle              [16]byte // file ID; of SMB 1 the first two bytes
	Function            uint32   // of an ioctl or transaction
	HasFunction         bool

	call     *dcerpc.Call
	files    [2][]*file.File
	share    []byte // of a file's tree
	progress [2]int
}

var (
	_ proto.Transaction = (*Transaction)(nil)
	_ proto.FileCarrier = (*Transaction)(nil)
)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "smb" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int {
	if t.call != nil && t.progress[dir] != Done {
		switch s := &t.call.Sides[dir]; {
		case s.Done:
			return Done
		case s.Seen:
			return Begun
		}
	}
	return t.progress[dir]
}

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.Progress(dir) == Done }

// Files implements proto.FileCarrier.
func (t *Transaction) Files(dir flow.Direction) []*file.File { return t.files[dir] }

// RPC returns the call in a pipe, nil when there is none.
func (t *Transaction) RPC() *dcerpc.Call { return t.call }

// advance moves a side forward and tells inspectors.
func (t *Transaction) advance(dir flow.Direction, to int) {
	if t.progress[dir] < to {
		t.progress[dir] = to
	}
	t.Touch(dir)
}

// end moves a side that will not go on to its end.
func (t *Transaction) end(dir flow.Direction) {
	if t.progress[dir] != Done {
		t.advance(dir, Done)
	}
}
