package event

// Fields of TLCP (GB/T 38636) beside those of TLS: cipher suites by name, and of each side the pair of certificates, one to
// sign with and one to encrypt to.
const (
	TLCPOffered              = "fengsui.tlcp.client.supported_ciphers"
	TLCPSuite                = "fengsui.tlcp.cipher"
	TLCPClientSignSubject    = "fengsui.tlcp.client.sign.subject"
	TLCPClientSignSerial     = "fengsui.tlcp.client.sign.serial"
	TLCPClientEncryptSubject = "fengsui.tlcp.client.encrypt.subject"
	TLCPClientEncryptSerial  = "fengsui.tlcp.client.encrypt.serial"
	TLCPClientSM2            = "fengsui.tlcp.client.sm2"
	TLCPServerSignSubject    = "fengsui.tlcp.server.sign.subject"
	TLCPServerSignSerial     = "fengsui.tlcp.server.sign.serial"
	TLCPServerEncryptSubject = "fengsui.tlcp.server.encrypt.subject"
	TLCPServerEncryptSerial  = "fengsui.tlcp.server.encrypt.serial"
	TLCPServerSM2            = "fengsui.tlcp.server.sm2"
)
