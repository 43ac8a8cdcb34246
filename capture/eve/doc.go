// Package eve writes what is seen as EVE JSON, one object a line, in the form Suricata 8 writes it and existing tools read:
// alert, flow, fileinfo, anomaly, stats, and one event type for each application protocol (http, dns in version 3 of the
// format, tls, smtp, ftp, ssh, smb, krb5, …).
//
// A Logger is the last of a worker's inspectors: an alert that a detector raised on a packet is handed to Logger.Alert and
// written, with what its transaction and flow hold by then, when the Logger sees that packet; transactions are written when
// both sides are over, flows when they end. It judges nothing and keeps nothing beyond the flow, except the cached texts
// named below.
//
// http, dns, tls, flow, anomaly, fileinfo and alert are appended straight from the worker's state and allocate nothing
// beside the buffer they are written to. The other protocols go through their transaction's Event: its fields
// "fengsui.<protocol>.a.b" become {"<protocol>":{"a":{"b":…}}}, with the names that differ from Suricata's put right by the
// tables of names.go.
//
// # Differences of form to Suricata 8
//
//   - flow_id is a number below 2^52 made of the flow's start and its number in the run: equal for all records of a flow and
//     for a second reading of the same capture, but not Suricata's number.
//   - the timestamp of a flow is that of its last packet; there it is the time it was let go. The packet (pcap_cnt, timestamp) of a TLS
//     record is that on which the visible handshake was over.
//   - http: length does not count the framing of a chunked body; a response without request has no url there called
//     "/libhtp::request_uri_not_seen".
//   - flow: no response_icmp_type and response_icmp_code.
//   - metadata (flowbits), tunnel, ts_progress/tc_progress, exception_policy and ts_max_regions/tc_max_regions are not
//     written.
//   - protocols that Suricata does not know (tlcp, redis, mongodb, mssql, tns, irc, …) are written under their own event types.
//   - anomaly of type applayer only, unless decode and stream are asked for (type "decode"); those carry the packet's addresses.
//   - what is not valid UTF-8 is written as \xNN, as there.
//
// # Limits
//
// A line holds at most what parsers keep of a transaction; payload and packet of an alert are cut at 4 KiB and 16 KiB. The cache
// of flow texts has 1024 places. Lines gather in a buffer of 64 KiB before they are written.
//
// Concurrency: a Logger belongs to one worker. Several may share one Output.
package eve
