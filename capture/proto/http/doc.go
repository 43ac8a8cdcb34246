// Package http reads HTTP/1.x (and 0.9) from both directions of a stream: pipelined requests matched with their
// responses in order, 100 Continue, HEAD, chunked and length-delimited and close-delimited bodies, gzip and deflate, and
// the switch to another protocol by CONNECT or Upgrade.
//
// It shows each message the way the rule language wants it: raw and normalised (see Message, Request), as libhtp, the
// reader inside Suricata, normalises. It is as tolerant as that one, because the servers behind it are: wrong lines are
// read as far as possible and noted as anomalies, named as app-layer-event names them.
//
// # Choices
//
//   - Both Content-Length and chunked: chunked wins (RFC 9112 6.3).
//   - Repeated headers are joined with ", "; of Content-Length the first counts.
//   - The path is percent-decoded once and cleaned; the query is percent-decoded once, "+" stays. UTF-8 stays as it is,
//     except overlong forms of ASCII, which become ASCII. An invalid escape stays as it is.
//   - Encoded bodies are gathered compressed (bounded) and decoded once, when the body or the bound ends: a bomb costs at
//     most its output limit.
//   - A hole inside a body is counted; a hole elsewhere ends the message, and reading goes on at the next start line.
//
// # Limits
//
// Limits: 100 KiB of a body (decoded), 128 KiB of an encoded one, 64 KiB for a start line and for a header block, 1024 header
// fields, 2 content codings.
package http
