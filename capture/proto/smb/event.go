package smb

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
)

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	e.Uint(event.SMBID, t.TxID+1)
	e.Str(event.SMBDialect, t.Dialect)
	e.Str(event.SMBCommand, CommandName(t.Version, t.Command))
	if t.Answered {
		t.status(e)
	}
	e.Uint(event.SMBSession, t.Session)
	e.Uint(event.SMBTree, uint64(t.Tree))
	if t.Encrypted {
		e.Bool(event.SMBEncrypted, true)
	}
	t.negotiation(e)
	t.login(e)
	if len(t.Share) > 0 {
		if t.Pipe {
			e.Bytes(event.SMBNamedPipe, t.Share)
		} else {
			e.Bytes(event.SMBShare, t.Share)
		}
	} else {
		e.Bytes(event.SMBShare, t.share)
	}
	e.Str(event.SMBShareType, t.ShareType)
	e.Bytes(event.SMBServiceRequest, t.Service[flow.ToServer])
	e.Bytes(event.SMBServiceResponse, t.Service[flow.ToClient])
	t.file(e)
	if t.HasFunction {
		e.Str(event.SMBFunction, t.functionName())
	}
	if t.call != nil {
		t.call.Fields(e, "fengsui.smb.dcerpc.")
	}
}

func (t *Transaction) status(e *event.Event) {
	if t.DOSStatus {
		class, code := t.Status&0xff, t.Status>>16
		e.Str(event.SMBStatus, strconv.Itoa(int(code)))
		e.Str(event.SMBStatusCode, fmt.Sprintf("0x%02x%02x", class, code))
	} else {
		e.Str(event.SMBStatus, StatusName(t.Status))
		e.Str(event.SMBStatusCode, "0x"+strconv.FormatUint(uint64(t.Status), 16))
	}
	if succeeded(t.Status) && !t.DOSStatus || t.Status == statusMoreProcessing {
		e.Str(event.EventOutcome, "success")
	} else {
		e.Str(event.EventOutcome, "failure")
	}
}

func (t *Transaction) negotiation(e *event.Event) {
	e.Strs(event.SMBDialects, t.Dialects)
	if t.HasClient {
		e.Str(event.SMBClientGUID, guidText(t.ClientGUID))
	}
	if t.HasServer {
		e.Str(event.SMBServerGUID, guidText(t.ServerGUID))
	}
	if t.MaxRead > 0 {
		e.Uint(event.SMBMaxRead, uint64(t.MaxRead))
		e.Uint(event.SMBMaxWrite, uint64(t.MaxWrite))
	}
}

func guidText(g [16]byte) string {
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func (t *Transaction) login(e *event.Event) {
	if n := t.NTLM; n != nil {
		e.Bytes(event.SMBUser, n.User)
		e.Bytes(event.SMBDomain, n.Domain)
		e.Bytes(event.SMBHost, n.Host)
		e.Str(event.SMBClientVersion, n.Version)
		e.Bytes(event.UserName, n.User)
		e.Bytes(event.UserDomain, n.Domain)
	}
	if k := t.Kerberos; k != nil {
		e.Bytes(event.SMBRealm, k.Realm)
		names := make([]string, 0, len(k.Services))
		for _, s := range k.Services {
			names = append(names, string(s))
		}
		e.Strs(event.SMBServices, names)
	}
	e.Bytes(event.SMBRequestOS, t.System[flow.ToServer])
	e.Bytes(event.SMBRequestManager, t.Manager[flow.ToServer])
	e.Bytes(event.SMBResponseOS, t.System[flow.ToClient])
	e.Bytes(event.SMBResponseManager, t.Manager[flow.ToClient])
}

// opens tells whether the transaction is a create or open.
func (t *Transaction) opens() bool {
	if t.Version == 2 {
		return t.Command == cmd2Create
	}
	return t.Command == cmd1NTCreate
}

func (t *Transaction) file(e *event.Event) {
	name := t.Name
	if t.opens() && len(name) == 0 {
		name = []byte("<share_root>")
	}
	if t.Directory && len(t.Name) > 0 {
		e.Bytes(event.SMBDirectory, name)
	} else {
		e.Bytes(event.SMBFileName, name)
	}
	if len(t.Name) > 0 && !t.Pipe {
		path := append(append(append([]byte(nil), t.share...), '\\'), bytes.TrimPrefix(t.Name, []byte{'\\'})...)
		e.Bytes(event.FilePath, path)
	}
	if t.opens() {
		e.Str(event.SMBDisposition, dispositionName(t.Disposition))
		access := "normal"
		if t.Delete {
			access = "delete_on_close"
		}
		e.Str(event.SMBAccess, access)
		e.Int(event.SMBCreated, t.Times.Created)
		e.Int(event.SMBAccessed, t.Times.Accessed)
		e.Int(event.SMBModified, t.Times.Modified)
		e.Int(event.SMBChanged, t.Times.Changed)
		e.Uint(event.SMBFileSize, t.Size)
	} else if t.Delete {
		e.Bool(event.SMBDelete, true)
	}
	if len(t.NewName) > 0 {
		e.Bytes(event.SMBRenameFrom, t.Name)
		e.Bytes(event.SMBRenameTo, t.NewName)
	}
	if t.HasHandle {
		if t.Version == 2 {
			e.Str(event.SMBHandle, guidText(guid(t.Handle[:])))
		} else {
			e.Str(event.SMBHandle, strconv.FormatUint(uint64(le.Uint16(t.Handle[:])), 16))
		}
	}
}

// functionName names the ioctl codes that are often seen ([MS-FSCC] 2.3, [MS-SMB2] 2.2.31); others are numbers.
func (t *Transaction) functionName() string {
	if t.Version == 2 && t.Command == cmd2Ioctl {
		switch t.Function {
		case 0x00060194:
			return "FSCTL_DFS_GET_REFERRALS"
		case 0x000601b0:
			return "FSCTL_DFS_GET_REFERRALS_EX"
		case 0x000900a4:
			return "FSCTL_SET_REPARSE_POINT"
		case 0x000900a8:
			return "FSCTL_GET_REPARSE_POINT"
		case 0x000900c0:
			return "FSCTL_CREATE_OR_GET_OBJECT_ID"
		case 0x0011400c:
			return "FSCTL_PIPE_PEEK"
		case 0x00110018:
			return "FSCTL_PIPE_WAIT"
		case fsctlPipeTransceive:
			return "FSCTL_PIPE_TRANSCEIVE"
		case 0x00140078:
			return "FSCTL_SRV_REQUEST_RESUME_KEY"
		case 0x001401fc:
			return "FSCTL_QUERY_NETWORK_INTERFACE_INFO"
		case 0x00140204:
			return "FSCTL_VALIDATE_NEGOTIATE_INFO"
		case 0x00144064:
			return "FSCTL_SRV_ENUMERATE_SNAPSHOTS"
		case 0x001440f2:
			return "FSCTL_SRV_COPYCHUNK"
		case 0x001480f2:
			return "FSCTL_SRV_COPYCHUNK_WRITE"
		}
	}
	return "0x" + strconv.FormatUint(uint64(t.Function), 16)
}
