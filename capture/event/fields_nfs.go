package event

// Fields of NFS; user.id is that of AUTH_SYS credentials.
const (
	UserID       = "user.id"
	NFSVersion   = "fengsui.nfs.version"
	NFSProcedure = "fengsui.nfs.procedure" // of version 4: the operations of a compound
	NFSXID       = "fengsui.nfs.xid"
	NFSFileName  = "fengsui.nfs.filename"
	NFSNewName   = "fengsui.nfs.rename.to"
	NFSStatus    = "fengsui.nfs.status"
	NFSUID       = "fengsui.nfs.creds.uid"
	NFSGID       = "fengsui.nfs.creds.gid"
	NFSMachine   = "fengsui.nfs.creds.machine_name"
)
