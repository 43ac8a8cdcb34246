package event

// Fields of SMB, after ECS where it has them, else after the keys of Suricata's EVE log.
const (
	FilePath           = "file.path"
	SMBID              = "fengsui.smb.id"
	SMBDialect         = "fengsui.smb.dialect"
	SMBCommand         = "fengsui.smb.command"
	SMBStatus          = "fengsui.smb.status"
	SMBStatusCode      = "fengsui.smb.status_code"
	SMBSession         = "fengsui.smb.session_id"
	SMBTree            = "fengsui.smb.tree_id"
	SMBEncrypted       = "fengsui.smb.encrypted"
	SMBDialects        = "fengsui.smb.client_dialects"
	SMBClientGUID      = "fengsui.smb.client_guid"
	SMBServerGUID      = "fengsui.smb.server_guid"
	SMBMaxRead         = "fengsui.smb.max_read_size"  // bytes
	SMBMaxWrite        = "fengsui.smb.max_write_size" // bytes
	SMBUser            = "fengsui.smb.ntlmssp.user"
	SMBDomain          = "fengsui.smb.ntlmssp.domain"
	SMBHost            = "fengsui.smb.ntlmssp.host"
	SMBClientVersion   = "fengsui.smb.ntlmssp.version"
	SMBRealm           = "fengsui.smb.kerberos.realm"
	SMBServices        = "fengsui.smb.kerberos.snames"
	SMBRequestOS       = "fengsui.smb.request.native_os"
	SMBRequestManager  = "fengsui.smb.request.native_lm"
	SMBResponseOS      = "fengsui.smb.response.native_os"
	SMBResponseManager = "fengsui.smb.response.native_lm"
	SMBShare           = "fengsui.smb.share"
	SMBNamedPipe       = "fengsui.smb.named_pipe"
	SMBShareType       = "fengsui.smb.share_type"
	SMBServiceRequest  = "fengsui.smb.service.request"
	SMBServiceResponse = "fengsui.smb.service.response"
	SMBFileName        = "fengsui.smb.filename"
	SMBDirectory       = "fengsui.smb.directory"
	SMBDisposition     = "fengsui.smb.disposition"
	SMBAccess          = "fengsui.smb.access"
	SMBCreated         = "fengsui.smb.created" // seconds since 1970, as the next three
	SMBAccessed        = "fengsui.smb.accessed"
	SMBModified        = "fengsui.smb.modified"
	SMBChanged         = "fengsui.smb.changed"
	SMBFileSize        = "fengsui.smb.size" // bytes, when it was opened
	SMBDelete          = "fengsui.smb.delete"
	SMBRenameFrom      = "fengsui.smb.rename.from"
	SMBRenameTo        = "fengsui.smb.rename.to"
	SMBHandle          = "fengsui.smb.fuid"
	SMBFunction        = "fengsui.smb.function"
)
