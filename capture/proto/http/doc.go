// Package http reads HTTP/1.x (and 0.9) from both directions of a stream: pipelined requests matched with their
// responses in order, 100 Continue, HEAD, chunked and length-delimited and close-delimited bodies, gzip, deflate, brotli and
// zstd, forms with files, and the switch to another protocol by CONNECT or Upgrade (WebSocket, h2c).
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
//   - Encoded bodies are decoded as they arrive (package coding); a bomb is let go at its limit and noted. lzma and compress
//     are not undone: such a body is shown as sent. A body that is not encoded at all is shown as it is, and noted.
//   - Files are response bodies, bodies of POST and PUT, and the parts of a form that have a file name (the form itself is
//     then none). A file is named by Content-Disposition, else by the path. A byte range is a file of its own that knows its
//     place (file.File.Start); ranges are not joined over several answers.
//   - What a client sends behind CONNECT or Upgrade waits for the answer.
//   - A hole inside a body is counted; a hole elsewhere ends the message, and reading goes on at the next start line.
//
// # Limits
//
// Limits: 100 KiB of a body (decoded) for inspection, 64 MiB for what an encoded one may become, 64 KiB for a start line and
// for a header block, 1024 header fields, 2 content codings; of a form 1024 files, 8 KiB for a part's header.
package http
