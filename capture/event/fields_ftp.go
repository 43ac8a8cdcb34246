package event

// Kinds of FTP: a command with its replies, and a data connection.
const (
	KindFTP     Kind = "ftp"
	KindFTPData Kind = "ftp-data"
)

// Fields of FTP; user.name is who logged in.
const (
	FTPCommand          = "fengsui.ftp.command"
	FTPCommandData      = "fengsui.ftp.command_data" // masked for PASS, ACCT, ADAT
	FTPCommandTruncated = "fengsui.ftp.command_truncated"
	FTPCompletionCode   = "fengsui.ftp.completion_code"
	FTPReply            = "fengsui.ftp.reply"
	FTPReplyReceived    = "fengsui.ftp.reply_received" // yes, no
	FTPReplyTruncated   = "fengsui.ftp.reply_truncated"
	FTPMode             = "fengsui.ftp.mode" // active, passive
	FTPDynamicPort      = "fengsui.ftp.dynamic_port"
	FTPBounce           = "fengsui.ftp.bounce"

	FTPDataCommand  = "fengsui.ftp_data.command"
	FTPDataFilename = "fengsui.ftp_data.filename"
	FTPDataBytes    = "fengsui.ftp_data.bytes"
	FTPDataListing  = "fengsui.ftp_data.listing" // the beginning of a directory listing
)
