package smb

import "strconv"

// Create options that matter ([MS-SMB2] 2.2.13).
const (
	optionDirectory     = 0x00000001
	optionDeleteOnClose = 0x00001000
)

// CommandName names a command as EVE logs do.
func CommandName(version uint8, command uint16) string {
	if version == 2 {
		if int(command) < len(names2) {
			return "SMB2_COMMAND_" + names2[command]
		}
		if command == cmdHidden {
			return "SMB3_TRANSFORM"
		}
		return strconv.Itoa(int(command))
	}
	if n := names1(command); n != "" {
		return "SMB1_COMMAND_" + n
	}
	return strconv.Itoa(int(command))
}

// names2 is indexed by command and never written.
var names2 = [...]string{
	"NEGOTIATE_PROTOCOL", "SESSION_SETUP", "SESSION_LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ",
	"WRITE", "LOCK", "IOCTL", "CANCEL", "KEEPALIVE", "FIND", "CHANGE_NOTIFY", "GET_INFO", "SET_INFO", "OPLOCK_BREAK",
}

// names1 names a command of SMB 1.
func names1(command uint16) string {
	switch command {
	case 0x00:
		return "CREATE_DIRECTORY"
	case 0x01:
		return "DELETE_DIRECTORY"
	case cmd1Open:
		return "OPEN"
	case cmd1Create:
		return "CREATE"
	case cmd1Close:
		return "CLOSE"
	case 0x05:
		return "FLUSH"
	case cmd1Delete:
		return "DELETE"
	case cmd1Rename:
		return "RENAME"
	case 0x08:
		return "QUERY_INFORMATION"
	case 0x09:
		return "SET_INFORMATION"
	case cmd1Read:
		return "READ"
	case cmd1Write:
		return "WRITE"
	case 0x0c:
		return "LOCK_BYTE_RANGE"
	case 0x0d:
		return "UNLOCK_BYTE_RANGE"
	case 0x0e:
		return "CREATE_TEMPORARY"
	case cmd1CreateNew:
		return "CREATE_NEW"
	case 0x10:
		return "CHECK_DIRECTORY"
	case 0x11:
		return "PROCESS_EXIT"
	case 0x12:
		return "SEEK"
	case 0x22:
		return "SET_INFORMATION2"
	case 0x23:
		return "QUERY_INFORMATION2"
	case cmd1LockingAndX:
		return "LOCKING_ANDX"
	case cmd1Transaction:
		return "TRANS"
	case cmd1Transaction2ry:
		return "TRANS_SECONDARY"
	case 0x27:
		return "IOCTL"
	case cmd1Echo:
		return "ECHO"
	case cmd1WriteClose:
		return "WRITE_AND_CLOSE"
	case cmd1OpenAndX:
		return "OPEN_ANDX"
	case cmd1ReadAndX:
		return "READ_ANDX"
	case cmd1WriteAndX:
		return "WRITE_ANDX"
	case cmd1Trans2:
		return "TRANS2"
	case cmd1Trans2ry:
		return "TRANS2_SECONDARY"
	case 0x34:
		return "FIND_CLOSE2"
	case cmd1TreeConnect:
		return "TREE_CONNECT"
	case cmd1TreeDisconnect:
		return "TREE_DISCONNECT"
	case cmd1Negotiate:
		return "NEGOTIATE_PROTOCOL"
	case cmd1SessionSetup:
		return "SESSION_SETUP_ANDX"
	case cmd1Logoff:
		return "LOGOFF_ANDX"
	case cmd1TreeAndX:
		return "TREE_CONNECT_ANDX"
	case 0x80:
		return "QUERY_INFO_DISK"
	case 0x81:
		return "SEARCH"
	case cmd1NTTransact:
		return "NT_TRANS"
	case cmd1NTTransact2ry:
		return "NT_TRANS_SECONDARY"
	case cmd1NTCreate:
		return "NT_CREATE_ANDX"
	case cmd1NTCancel:
		return "NT_CANCEL"
	case cmd1NTRename:
		return "NT_RENAME"
	}
	return ""
}

// StatusName names an NT status ([MS-ERREF] 2.3.1); one that is seldom seen has its number.
func StatusName(n uint32) string {
	switch n {
	case 0x00000000:
		return "STATUS_SUCCESS"
	case statusPending:
		return "STATUS_PENDING"
	case 0x0000010b:
		return "STATUS_NOTIFY_CLEANUP"
	case 0x0000010c:
		return "STATUS_NOTIFY_ENUM_DIR"
	case statusBufferOverflow:
		return "STATUS_BUFFER_OVERFLOW"
	case 0x80000006:
		return "STATUS_NO_MORE_FILES"
	case 0xc0000001:
		return "STATUS_UNSUCCESSFUL"
	case 0xc0000002:
		return "STATUS_NOT_IMPLEMENTED"
	case 0xc0000003:
		return "STATUS_INVALID_INFO_CLASS"
	case 0xc0000004:
		return "STATUS_INFO_LENGTH_MISMATCH"
	case 0xc0000008:
		return "STATUS_INVALID_HANDLE"
	case 0xc000000d:
		return "STATUS_INVALID_PARAMETER"
	case 0xc000000e:
		return "STATUS_NO_SUCH_DEVICE"
	case 0xc000000f:
		return "STATUS_NO_SUCH_FILE"
	case 0xc0000010:
		return "STATUS_INVALID_DEVICE_REQUEST"
	case 0xc0000011:
		return "STATUS_END_OF_FILE"
	case statusMoreProcessing:
		return "STATUS_MORE_PROCESSING_REQUIRED"
	case 0xc000001e:
		return "STATUS_INVALID_LOCK_SEQUENCE"
	case 0xc0000022:
		return "STATUS_ACCESS_DENIED"
	case 0xc0000023:
		return "STATUS_BUFFER_TOO_SMALL"
	case 0xc0000033:
		return "STATUS_OBJECT_NAME_INVALID"
	case 0xc0000034:
		return "STATUS_OBJECT_NAME_NOT_FOUND"
	case 0xc0000035:
		return "STATUS_OBJECT_NAME_COLLISION"
	case 0xc000003a:
		return "STATUS_OBJECT_PATH_NOT_FOUND"
	case 0xc000003b:
		return "STATUS_OBJECT_PATH_SYNTAX_BAD"
	case 0xc0000043:
		return "STATUS_SHARING_VIOLATION"
	}
	return rareStatus(n)
}

func rareStatus(n uint32) string {
	switch n {
	case 0xc0000054:
		return "STATUS_FILE_LOCK_CONFLICT"
	case 0xc0000055:
		return "STATUS_LOCK_NOT_GRANTED"
	case 0xc0000056:
		return "STATUS_DELETE_PENDING"
	case 0xc0000061:
		return "STATUS_PRIVILEGE_NOT_HELD"
	case 0xc0000064:
		return "STATUS_NO_SUCH_USER"
	case 0xc000006a:
		return "STATUS_WRONG_PASSWORD"
	case 0xc000006d:
		return "STATUS_LOGON_FAILURE"
	case 0xc000006e:
		return "STATUS_ACCOUNT_RESTRICTION"
	case 0xc000006f:
		return "STATUS_INVALID_LOGON_HOURS"
	case 0xc0000070:
		return "STATUS_INVALID_WORKSTATION"
	case 0xc0000071:
		return "STATUS_PASSWORD_EXPIRED"
	case 0xc0000072:
		return "STATUS_ACCOUNT_DISABLED"
	case 0xc000007f:
		return "STATUS_DISK_FULL"
	case 0xc000009a:
		return "STATUS_INSUFFICIENT_RESOURCES"
	case 0xc00000ac:
		return "STATUS_PIPE_NOT_AVAILABLE"
	case 0xc00000ad:
		return "STATUS_INVALID_PIPE_STATE"
	case 0xc00000ae:
		return "STATUS_PIPE_BUSY"
	case 0xc00000b0:
		return "STATUS_PIPE_DISCONNECTED"
	case 0xc00000ba:
		return "STATUS_FILE_IS_A_DIRECTORY"
	case 0xc00000bb:
		return "STATUS_NOT_SUPPORTED"
	case 0xc00000c9:
		return "STATUS_NETWORK_NAME_DELETED"
	case 0xc00000cc:
		return "STATUS_BAD_NETWORK_NAME"
	case 0xc0000101:
		return "STATUS_DIRECTORY_NOT_EMPTY"
	case 0xc0000103:
		return "STATUS_NOT_A_DIRECTORY"
	case 0xc0000120:
		return "STATUS_CANCELLED"
	case 0xc0000121:
		return "STATUS_CANNOT_DELETE"
	case 0xc0000128:
		return "STATUS_FILE_CLOSED"
	case 0xc000015b:
		return "STATUS_LOGON_TYPE_NOT_GRANTED"
	case 0xc0000184:
		return "STATUS_INVALID_DEVICE_STATE"
	case 0xc000019c:
		return "STATUS_FS_DRIVER_REQUIRED"
	case 0xc0000203:
		return "STATUS_USER_SESSION_DELETED"
	case 0xc0000205:
		return "STATUS_INSUFF_SERVER_RESOURCES"
	case 0xc0000224:
		return "STATUS_PASSWORD_MUST_CHANGE"
	case 0xc0000225:
		return "STATUS_NOT_FOUND"
	case 0xc0000234:
		return "STATUS_ACCOUNT_LOCKED_OUT"
	case 0xc0000257:
		return "STATUS_PATH_NOT_COVERED"
	case 0xc000035c:
		return "STATUS_NETWORK_SESSION_EXPIRED"
	}
	return "0x" + strconv.FormatUint(uint64(n), 16)
}

// dispositionName names what a create does with what is there ([MS-SMB2] 2.2.13).
func dispositionName(n uint32) string {
	names := [...]string{"FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF"}
	if int64(n) < int64(len(names)) {
		return names[n]
	}
	return "UNKNOWN"
}
