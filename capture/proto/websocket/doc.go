// Package websocket reads WebSocket (RFC 6455) behind an HTTP/1 upgrade, with masks, fragments, control frames between them
// and permessage-deflate (RFC 7692) with and without context take-over.
//
// Each frame is a transaction of one direction. The last frame of a fragmented message shows the payload of all of it; a
// compressed message is shown decompressed. A hole ends parsing: there is no way to find the next frame.
//
// # Limits
//
// 64 KiB of a frame's payload are read (what follows is passed over and noted), 64 KiB of a message are put together, and
// 64 KiB of a decompressed one are kept.
package websocket
