package event

// Fields of TFTP transfers (package capture/proto/tftp).
const (
	TFTPPacket       = "fengsui.tftp.packet" // read, write: what was asked for
	TFTPFile         = "fengsui.tftp.file"
	TFTPMode         = "fengsui.tftp.mode"
	TFTPOptions      = "fengsui.tftp.options" // name=value
	TFTPErrorCode    = "fengsui.tftp.error_code"
	TFTPErrorMessage = "fengsui.tftp.error_message"
	TFTPReplyBlocks  = "fengsui.tftp.blocks"
)
