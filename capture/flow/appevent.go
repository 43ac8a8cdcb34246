package flow

// AppEvent is an oddity of how a flow's protocol was recognised; several make a set.
type AppEvent uint8

// Oddities of recognition, named as app-layer-event names them.
const (
	// AppEventMismatch: the two directions speak different protocols.
	AppEventMismatch AppEvent = 1 << iota
	// AppEventWrongDirection: the server spoke first in a protocol where the client has to.
	AppEventWrongDirection
	// AppEventOneDirection: one direction was recognised, what the other sends is none of its protocol's.
	AppEventOneDirection
	// AppEventSkipped: recognition was given up on one direction while the other had sent nothing.
	AppEventSkipped
	// AppEventNoTLS: TLS was announced (STARTTLS), something else came.
	AppEventNoTLS
	// AppEventUnexpected: a change of protocol was announced, another protocol came.
	AppEventUnexpected
)

// appEventNames are the names without "applayer_". Never written.
var appEventNames = map[string]AppEvent{
	"mismatch_protocol_both_directions": AppEventMismatch, "wrong_direction_first_data": AppEventWrongDirection,
	"detect_protocol_only_one_direction": AppEventOneDirection, "proto_detection_skipped": AppEventSkipped,
	"no_tls_after_starttls": AppEventNoTLS, "unexpected_protocol": AppEventUnexpected,
}

// ParseAppEvent finds an event by its name behind "applayer_".
func ParseAppEvent(name string) (AppEvent, bool) {
	e, ok := appEventNames[name]
	return e, ok
}
