package event

// Fields of a DCE/RPC transaction outside SMB.
const (
	DCERPCVersion      = "fengsui.dcerpc.rpc_version" // "5.0" or "4.0"
	DCERPCRequestOpnum = "fengsui.dcerpc.req.opnum"   // as DCERPCOpnum
)

// Fields of a DCE/RPC call, behind "fengsui.dcerpc." or, for a call in a named pipe, "fengsui.smb.dcerpc.".
const (
	DCERPCRequest           = "request"  // PDU type
	DCERPCResponse          = "response" // PDU type
	DCERPCCallID            = "call_id"
	DCERPCOpnum             = "opnum"
	DCERPCRequestFragments  = "req.frag_cnt"
	DCERPCRequestBytes      = "req.stub_data_size" // bytes
	DCERPCResponseFragments = "res.frag_cnt"
	DCERPCResponseBytes     = "res.stub_data_size" // bytes
	DCERPCObject            = "object"
	DCERPCInterfaces        = "interfaces.uuid"
	DCERPCVersions          = "interfaces.version"
	DCERPCResults           = "interfaces.ack_result"
	DCERPCEndpoint          = "endpoint"
	DCERPCStatus            = "status" // of a fault
	DCERPCAuthType          = "auth_type"
	DCERPCAuthLevel         = "auth_level"
	DCERPCActivity          = "activityuuid"
)
