// Package rdp reads how a remote desktop session begins ([MS-RDPBCGR] 2.2.1): the connection request with its cookie, the
// protocol agreed on, and, where the session is not encrypted from then on, the client's core data (name, build, keyboard,
// desktop) and channels and the server's security settings. One transaction a flow.
//
// A session that goes on under TLS or CredSSP is handed to the TLS parser: its handshake is a TLS transaction of the same
// flow, whose protocol stays rdp.
//
// Limits: PDUs of 64 KiB (their length field), 255 bytes of cookie, 31 channels. A gap before the session is set up ends
// reading. Recognition: an X.224 connection request or confirm in a TPKT. Concurrency: a parser belongs to the worker of
// its flow.
package rdp
