// Package http2 reads clear-text HTTP/2 (RFC 9113), begun with the client's preface or by an upgrade from HTTP/1 (h2c):
// frames, HPACK header blocks, streams as transactions, bodies with their content codings as files.
//
// A stream is a transaction that embeds http.Transaction, so that everything rules ask of HTTP/1 can be asked of it; the
// pseudo-fields (":path") stand among its headers, as Suricata shows them. A frame of stream 0 (settings, pings, window
// updates, GOAWAY) is a transaction by itself, complete at once; settings that set nothing are none.
//
// After an upgrade the request that asked for it is also the request of stream 1, and its settings a frame of the connection.
//
// DNS over HTTP/2: messages in bodies of type application/dns-message and in the dns parameter of a query (RFC 8484)
// become transactions of DNS beside the stream's.
//
// The header decoder is golang.org/x/net's, told to keep tables small. When a block cannot be read (or was lost in a hole)
// the table of that direction starts anew: fields that refer to it are missing from then on, and noted.
//
// # Limits
//
// 512 open streams (older ones are closed), 256 KiB less one of a frame that is not DATA, 64 KiB and 1024 fields of a header
// list, 64 KiB of a header table, 64 noted values of each kind for a stream; bodies as in package http.
package http2
