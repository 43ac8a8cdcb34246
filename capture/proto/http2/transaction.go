package http2

import (
	"fengsui/capture/event"
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/http"
)

// Frame types (RFC 9113 6).
const (
	FrameData         = 0
	FrameHeaders      = 1
	FramePriority     = 2
	FrameReset        = 3
	FrameSettings     = 4
	FramePush         = 5
	FramePing         = 6
	FrameGoAway       = 7
	FrameWindow       = 8
	FrameContinuation = 9
)

// FrameTypes are the names of frame types in rules, lower case. Never written.
var FrameTypes = map[string]uint64{
	"data": FrameData, "headers": FrameHeaders, "priority": FramePriority, "rststream": FrameReset, "rst_stream": FrameReset,
	"settings": FrameSettings, "pushpromise": FramePush, "push_promise": FramePush, "ping": FramePing, "goaway": FrameGoAway,
	"windowupdate": FrameWindow, "window_update": FrameWindow, "continuation": FrameContinuation,
}

// ErrorCodes are the names of error codes in rules, lower case (RFC 9113 7). Never written.
var ErrorCodes = map[string]uint64{
	"no_error": 0, "protocol_error": 1, "internal_error": 2, "flow_control_error": 3, "settings_timeout": 4, "stream_closed": 5,
	"frame_size_error": 6, "refused_stream": 7, "cancel": 8, "compression_error": 9, "connect_error": 10,
	"enhance_your_calm": 11, "inadequate_security": 12, "http_1_1_required": 13,
}

// SettingNames are the names of settings in rules (RFC 9113 6.5.2, RFC 8441). Never written.
var SettingNames = map[string]uint16{
	"SETTINGS_HEADER_TABLE_SIZE": 1, "SETTINGS_ENABLE_PUSH": 2, "SETTINGS_MAX_CONCURRENT_STREAMS": 3,
	"SETTINGS_INITIAL_WINDOW_SIZE": 4, "SETTINGS_MAX_FRAME_SIZE": 5, "SETTINGS_MAX_HEADER_LIST_SIZE": 6,
	"SETTINGS_ENABLE_CONNECT_PROTOCOL": 8,
}

// Setting is one parameter of a SETTINGS frame.
type Setting struct {
	ID    uint16
	Value uint32
}

// Frames is what one side's frames of a stream told.
type Frames struct {
	Types       []uint8 // each type once, in order of appearance
	ErrorCodes  []uint32
	Priorities  []uint8
	Windows     []uint32
	Settings    []Setting
	SizeUpdates []uint64 // of the header table
}

// Transaction is one stream, or one frame of the connection.
type Transaction struct {
	http.Transaction
	Stream uint32 // 0 for the connection
	Frames [2]Frames
}

// Protocol implements proto.Transaction.
func (t *Transaction) Protocol() string { return "http2" }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	t.Transaction.Event(e)
	e.Uint(event.HTTP2Stream, uint64(t.Stream))
	for _, dir := range [2]flow.Direction{flow.ToServer, flow.ToClient} {
		f := &t.Frames[dir]
		if len(f.ErrorCodes) > 0 {
			e.Uint(event.HTTP2ErrorCode, uint64(f.ErrorCodes[0]))
		}
		var settings []string
		for _, s := range f.Settings {
			settings = append(settings, s.String())
		}
		if len(settings) > 0 {
			e.Strs(event.HTTP2Settings, settings)
		}
	}
}

var _ proto.Transaction = (*Transaction)(nil)

// valuesMax bounds the values of one kind that are noted for a side of a stream.
const valuesMax = 64

func noteValue[T any](list []T, v T) []T {
	if len(list) >= valuesMax {
		return list
	}
	return append(list, v)
}

func (f *Frames) noteType(kind uint8) {
	for _, k := range f.Types {
		if k == kind {
			return
		}
	}
	f.Types = noteValue(f.Types, kind)
}
