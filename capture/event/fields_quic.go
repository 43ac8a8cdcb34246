package event

// Fields of QUIC beside those of TLS.
const (
	QUICVersion   = "fengsui.quic.version"
	QUICSNI       = "fengsui.quic.sni"
	QUICUserAgent = "fengsui.quic.ua"
	QUICCYU       = "fengsui.quic.cyu.string"
	QUICCYUHash   = "fengsui.quic.cyu.hash"
)
