package nfs

import (
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/file"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// Progress of a side.
const (
	NotStarted = iota
	Begun      // of a file: its first bytes
	Done
)

// Transaction is a call with its reply, or the bytes of a file in one direction.
type Transaction struct {
	proto.State
	XID       uint32
	Version   uint32 // of NFS
	Procedure uint32 // of version 4: always COMPOUND
	// Operations are the procedures of the call as rules know them: one, or those of a compound.
	Operations []uint32
	Name       []byte // of the file
	NewName    []byte // of a rename or link
	Handle     []byte
	Answered   bool
	Rejected   bool   // by RPC: Status is then the reason
	Status     uint32 // of NFS
	HasUser    bool   // credentials of AUTH_SYS were sent
	UID, GID   uint32
	Machine    []byte

	files    [2][]*file.File
	progress [2]int
}

var (
	_ proto.Transaction = (*Transaction)(nil)
	_ proto.FileCarrier = (*Transaction)(nil)
)

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "nfs" }

// Progress implements proto.Transaction.
func (t *Transaction) Progress(dir flow.Direction) int { return t.progress[dir] }

// Complete implements proto.Transaction.
func (t *Transaction) Complete(dir flow.Direction) bool { return t.progress[dir] == Done }

// Files implements proto.FileCarrier.
func (t *Transaction) Files(dir flow.Direction) []*file.File { return t.files[dir] }

func (t *Transaction) advance(dir flow.Direction, to int) {
	if t.progress[dir] < to {
		t.progress[dir] = to
	}
	t.Touch(dir)
}

func (t *Transaction) end(dir flow.Direction) {
	if t.progress[dir] != Done {
		t.advance(dir, Done)
	}
}

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	e.Uint(event.NFSVersion, uint64(t.Version))
	names := make([]string, 0, len(t.Operations))
	for _, op := range t.Operations {
		names = append(names, ProcedureName(t.Version, op))
	}
	if t.Version < 4 && len(names) == 1 {
		e.Str(event.NFSProcedure, names[0])
	} else {
		e.Strs(event.NFSProcedure, names)
	}
	e.Uint(event.NFSXID, uint64(t.XID))
	e.Bytes(event.NFSFileName, t.Name)
	e.Bytes(event.NFSNewName, t.NewName)
	e.Bytes(event.FilePath, t.Name)
	if t.Answered {
		switch {
		case t.Rejected:
			e.Str(event.NFSStatus, "RPC_REJECTED")
			e.Str(event.EventOutcome, "failure")
		case t.Status == 0:
			e.Str(event.NFSStatus, "OK")
			e.Str(event.EventOutcome, "success")
		default:
			e.Str(event.NFSStatus, StatusName(t.Status))
			e.Str(event.EventOutcome, "failure")
		}
	}
	if t.HasUser {
		e.Uint(event.NFSUID, uint64(t.UID))
		e.Uint(event.NFSGID, uint64(t.GID))
		e.Bytes(event.NFSMachine, t.Machine)
		e.Str(event.UserID, strconv.Itoa(int(t.UID)))
	}
}
