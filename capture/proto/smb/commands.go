package smb

// commands2 are the rule language's names of SMB 2 commands, by number. Never written.
var commands2 = map[string]uint8{
	"negotiate": 0x00, "session_setup": 0x01, "logoff": 0x02, "tree_connect": 0x03, "tree_disconnect": 0x04, "create": 0x05, "close": 0x06,
	"flush": 0x07, "read": 0x08, "write": 0x09, "lock": 0x0a, "ioctl": 0x0b, "cancel": 0x0c, "echo": 0x0d, "keep_alive": 0x0d,
	"query_directory": 0x0e, "find": 0x0e, "change_notify": 0x0f, "query_info": 0x10, "set_info": 0x11, "oplock_break": 0x12,
}

// commands1 are those of SMB 1 ([MS-CIFS] 2.2.2.1). Never written.
var commands1 = map[string]uint8{
	"create_directory": 0x00, "delete_directory": 0x01, "open": 0x02, "create": 0x03, "close": 0x04, "flush": 0x05, "delete": 0x06,
	"rename": 0x07, "query_information": 0x08, "set_information": 0x09, "read": 0x0a, "write": 0x0b, "lock_byte_range": 0x0c,
	"unlock_byte_range": 0x0d, "create_temporary": 0x0e, "create_new": 0x0f, "check_directory": 0x10, "process_exit": 0x11, "seek": 0x12,
	"lock_and_read": 0x13, "write_and_unlock": 0x14, "read_raw": 0x1a, "read_mpx": 0x1b, "read_mpx_secondary": 0x1c, "write_raw": 0x1d,
	"write_mpx": 0x1e, "write_mpx_secondary": 0x1f, "write_complete": 0x20, "query_server": 0x21, "set_information2": 0x22,
	"query_information2": 0x23, "locking_andx": 0x24, "transaction": 0x25, "transaction_secondary": 0x26, "ioctl": 0x27,
	"ioctl_secondary": 0x28, "copy": 0x29, "move": 0x2a, "echo": 0x2b, "write_and_close": 0x2c, "open_andx": 0x2d, "read_andx": 0x2e,
	"write_andx": 0x2f, "new_file_size": 0x30, "close_and_tree_disc": 0x31, "transaction2": 0x32, "transaction2_secondary": 0x33,
	"find_close2": 0x34, "find_notify_close": 0x35, "tree_connect": 0x70, "tree_disconnect": 0x71, "negotiate": 0x72,
	"session_setup_andx": 0x73, "logoff_andx": 0x74, "tree_connect_andx": 0x75, "security_package_andx": 0x7e,
	"query_information_disk": 0x80, "search": 0x81, "find": 0x82, "find_unique": 0x83, "find_close": 0x84, "nt_transact": 0xa0,
	"nt_transact_secondary": 0xa1, "nt_create_andx": 0xa2, "nt_cancel": 0xa4, "nt_rename": 0xa5, "open_print_file": 0xc0,
	"write_print_file": 0xc1, "close_print_file": 0xc2, "get_print_queue": 0xc3, "read_bulk": 0xd8, "write_bulk": 0xd9,
	"write_bulk_data": 0xda, "invalid": 0xfe, "no_andx_command": 0xff,
}

// Command1 finds a command of SMB 1 by its name in rules.
func Command1(name string) (uint8, bool) {
	n, ok := commands1[name]
	return n, ok
}

// Command2 finds a command of SMB 2 by its name in rules.
func Command2(name string) (uint8, bool) {
	n, ok := commands2[name]
	return n, ok
}
