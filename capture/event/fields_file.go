package event

// Fields of files seen on the wire (ECS file.*). Sizes are bytes.
const (
	FileName      = "file.name"
	FileSize      = "file.size"
	FileMIME      = "file.mime_type"
	FileMagic     = "fengsui.file.magic"
	FileDirection = "fengsui.file.direction" // to_server, to_client: which way it went
	FileState     = "fengsui.file.state"     // closed, truncated
	FileGaps      = "fengsui.file.gaps"
	FileStored    = "fengsui.file.stored"
	FileMD5       = "file.hash.md5"
	FileSHA1      = "file.hash.sha1"
	FileSHA256    = "file.hash.sha256"
	FileSM3       = "fengsui.file.hash.sm3"
	FileStart     = "fengsui.file.start" // of a byte range: where it begins in the whole
	FileWhole     = "fengsui.file.whole" // declared size of the whole
)
