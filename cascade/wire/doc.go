// Package wire holds what the four interfaces between sites say to each other:
// the published .proto schema (package fengsui.cascade.v1) and the code
// generated from it, the framing, the limits, the result codes, and one
// validating function per message.
//
// # Framing
//
// A frame is a varint length and that many bytes of protobuf
// ([google.golang.org/protobuf/encoding/protodelim]). The length is compared
// with a cap before anything is allocated. Each interface has one frame type
// per direction (UploadUp, UploadDown, …) with one body in it.
//
// # Compatibility
//
// Field numbers, enum numbers and codes are append-only; testdata/*.bin pins
// the bytes. Unknown fields are ignored, unknown record types and classes are
// passed on: an old city carries a newer county's records to a newer province.
// Each session's first frame carries the protocol version; see [CheckVersion].
//
// # What it does not do
//
// It opens no connection, keeps no state, and never looks into a payload. It
// knows net.Conn, not QUIC.
//
// # Concurrency
//
// A [Conn] may be read by one goroutine and written by any number at once.
package wire
