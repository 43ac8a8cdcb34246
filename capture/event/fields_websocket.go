package event

// Fields of WebSocket frames.
const (
	WebSocketOpcode = "fengsui.websocket.opcode"
	WebSocketFin    = "fengsui.websocket.fin"
	WebSocketMask   = "fengsui.websocket.mask"
	WebSocketLength = "fengsui.websocket.length" // payload bytes as sent
)
