// Package sip reads SIP (RFC 3261) over UDP and TCP with the session descriptions (SDP, RFC 8866) in its bodies. As in
// Suricata each message, request or response, is a transaction of its own in one direction; which of them belong together
// the event's Call-ID tells.
//
// Compact header names are taken for their long ones. Over TCP a message ends where Content-Length says, with the header
// when there is none; over UDP with the datagram, whatever it declares. An SDP body is read wherever it stands: as the body, or as a part of a multipart
// one (RFC 5621).
//
// Limits: a header of 64 KiB and 200 fields of 8 KiB, 16 KiB kept of a body, 32 media, 512 other SDP lines. After a gap reading
// goes on at the next line that can be a start line.
package sip
