package dcerpc

import (
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
)

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	version := "5.0"
	if t.Call.Version == datagramMajor {
		version = "4.0"
	}
	e.Str(event.DCERPCVersion, version)
	t.Call.Fields(e, "fengsui.dcerpc.")
	if t.Call.IsRequest() && t.Call.Sides[flow.ToServer].Seen {
		e.Uint(event.DCERPCRequestOpnum, uint64(t.Call.Opnum)) // where EVE logs have it, outside SMB
	}
}

// Fields adds the call's fields under a prefix: "fengsui.dcerpc." or, for a call in a pipe, "fengsui.smb.dcerpc.".
func (c *Call) Fields(e *event.Event, prefix string) {
	request, response := &c.Sides[flow.ToServer], &c.Sides[flow.ToClient]
	if request.Seen {
		e.Str(prefix+event.DCERPCRequest, TypeName(request.Kind))
	} else {
		e.Str(prefix+event.DCERPCRequest, "REQUEST_LOST")
	}
	if response.Seen {
		e.Str(prefix+event.DCERPCResponse, TypeName(response.Kind))
	} else {
		e.Str(prefix+event.DCERPCResponse, "UNREPLIED")
	}
	e.Uint(prefix+event.DCERPCCallID, uint64(c.ID))
	if c.IsRequest() {
		if request.Seen {
			e.Uint(prefix+event.DCERPCOpnum, uint64(c.Opnum))
			e.Uint(prefix+event.DCERPCRequestFragments, uint64(request.Fragments))
			e.Uint(prefix+event.DCERPCRequestBytes, uint64(request.StubBytes))
		}
		if response.Seen {
			e.Uint(prefix+event.DCERPCResponseFragments, uint64(response.Fragments))
			e.Uint(prefix+event.DCERPCResponseBytes, uint64(response.StubBytes))
		}
	}
	if c.HasObject {
		e.Str(prefix+event.DCERPCObject, c.Object.String())
	}
	if len(c.Interfaces) > 0 {
		uuids, versions, results := make([]string, 0, len(c.Interfaces)), make([]string, 0, len(c.Interfaces)), make([]int64, 0, len(c.Interfaces))
		for i := range c.Interfaces {
			f := &c.Interfaces[i]
			uuids = append(uuids, f.UUID.String())
			versions = append(versions, strconv.Itoa(int(f.Major))+"."+strconv.Itoa(int(f.Minor)))
			results = append(results, int64(f.Result))
		}
		e.Strs(prefix+event.DCERPCInterfaces, uuids)
		e.Strs(prefix+event.DCERPCVersions, versions)
		if !c.IsRequest() {
			e.Ints(prefix+event.DCERPCResults, results)
		}
	}
	e.Bytes(prefix+event.DCERPCEndpoint, c.Endpoint)
	if c.Status != 0 {
		e.Uint(prefix+event.DCERPCStatus, uint64(c.Status))
	}
	if request.AuthType != 0 {
		e.Uint(prefix+event.DCERPCAuthType, uint64(request.AuthType))
		e.Uint(prefix+event.DCERPCAuthLevel, uint64(request.AuthLevel))
	}
	if c.Version == datagramMajor {
		e.Str(prefix+event.DCERPCActivity, c.Activity.String())
	}
}
