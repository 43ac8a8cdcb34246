package nfs

import "strconv"

// Procedures of version 3 (RFC 1813 3.3) that are read.
const (
	v3Lookup  = 3
	v3Read    = 6
	v3Write   = 7
	v3Create  = 8
	v3Mkdir   = 9
	v3Symlink = 10
	v3Mknod   = 11
	v3Remove  = 12
	v3Rmdir   = 13
	v3Rename  = 14
	v3Link    = 15
	v3Commit  = 21
)

// Procedures of version 2 (RFC 1094 2.2).
const (
	v2Lookup  = 4
	v2Read    = 6
	v2Write   = 8
	v2Create  = 9
	v2Remove  = 10
	v2Rename  = 11
	v2Link    = 12
	v2Symlink = 13
	v2Mkdir   = 14
	v2Rmdir   = 15
)

// names3 are the procedures of version 3, by number. Never written.
var names3 = [...]string{
	"null", "getattr", "setattr", "lookup", "access", "readlink", "read", "write", "create", "mkdir", "symlink", "mknod", "remove",
	"rmdir", "rename", "link", "readdir", "readdirplus", "fsstat", "fsinfo", "pathconf", "commit",
}

// names2 are the procedures of version 2, by number. Never written.
var names2 = [...]string{
	"null", "getattr", "setattr", "root", "lookup", "readlink", "read", "writecache", "write", "create", "remove", "rename", "link",
	"symlink", "mkdir", "rmdir", "readdir", "statfs",
}

// names4 are the operations of version 4 from number 3 on (RFC 7530 16, RFC 8881 18). Never written.
var names4 = [...]string{
	"access", "close", "commit", "create", "delegpurge", "delegreturn", "getattr", "getfh", "link", "lock", "lockt", "locku", "lookup",
	"lookupp", "nverify", "open", "openattr", "open_confirm", "open_downgrade", "putfh", "putpubfh", "putrootfh", "read", "readdir",
	"readlink", "remove", "rename", "renew", "restorefh", "savefh", "secinfo", "setattr", "setclientid", "setclientid_confirm", "verify",
	"write", "release_lockowner", "backchannel_ctl", "bind_conn_to_session", "exchange_id", "create_session", "destroy_session",
	"free_stateid", "get_dir_delegation", "getdeviceinfo", "getdevicelist", "layoutcommit", "layoutget", "layoutreturn",
	"secinfo_no_name", "sequence", "set_ssv", "test_stateid", "want_delegation", "destroy_clientid", "reclaim_complete",
}

const first4 = 3

// ProcedureName names a procedure, or of version 4 an operation.
func ProcedureName(version, n uint32) string {
	list := names3[:]
	switch {
	case version == 2:
		list = names2[:]
	case version >= 4:
		if n == 0 {
			return "null"
		}
		list = names4[:]
		n -= first4
	}
	if n < uint32(len(list)) {
		return list[n]
	}
	return strconv.Itoa(int(n))
}

// Procedure finds a procedure by name: its number in versions 2 and 3 (which rules do not tell apart) and in version 4.
func Procedure(name string) (old, four uint32, hasOld, hasFour bool) {
	for i, s := range names3 {
		if s == name {
			old, hasOld = uint32(i), true
		}
	}
	if !hasOld {
		for i, s := range names2 {
			if s == name {
				old, hasOld = uint32(i), true
			}
		}
	}
	for i, s := range names4 {
		if s == name {
			four, hasFour = uint32(i)+first4, true
		}
	}
	if name == "null" {
		four, hasFour = 0, true
	}
	return old, four, hasOld, hasFour
}

// StatusName names a status (RFC 1813 2.6, RFC 7530 13.1), its number when it is seldom seen.
func StatusName(n uint32) string {
	switch n {
	case 0:
		return "OK"
	case 1:
		return "ERR_PERM"
	case 2:
		return "ERR_NOENT"
	case 5:
		return "ERR_IO"
	case 13:
		return "ERR_ACCES"
	case 17:
		return "ERR_EXIST"
	case 18:
		return "ERR_XDEV"
	case 20:
		return "ERR_NOTDIR"
	case 21:
		return "ERR_ISDIR"
	case 22:
		return "ERR_INVAL"
	case 27:
		return "ERR_FBIG"
	case 28:
		return "ERR_NOSPC"
	case 30:
		return "ERR_ROFS"
	case 63:
		return "ERR_NAMETOOLONG"
	case 66:
		return "ERR_NOTEMPTY"
	case 69:
		return "ERR_DQUOT"
	case 70:
		return "ERR_STALE"
	case 10001:
		return "ERR_BADHANDLE"
	case 10004:
		return "ERR_NOTSUPP"
	case 10006:
		return "ERR_SERVERFAULT"
	case 10008:
		return "ERR_DELAY"
	case 10022:
		return "ERR_STALE_CLIENTID"
	}
	return strconv.Itoa(int(n))
}
