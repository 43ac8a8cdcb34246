package http

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// methods that a stream may begin with: HTTP, WebDAV and its versioning (RFC 9110, 4918, 3253, 5789). Never written.
var methods = []string{
	"GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "TRACE", "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY",
	"MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "CHECKOUT", "CHECKIN", "UNCHECKOUT", "UPDATE", "LABEL", "MKWORKSPACE",
	"MKACTIVITY", "MERGE", "INVALID", "VERSION-CONTROL", "BASELINE-CONTROL", "BIND", "SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY",
	"M-SEARCH", "BDELETE", "BPROPPATCH", "BCOPY", "BMOVE", "BPROPFIND", "POLL", "RPC_CONNECT", "RPC_IN_DATA", "RPC_OUT_DATA",
	"BITS_POST", "CCM_POST", "SMS_POST",
}

// Recognise is the proto.Recogniser of HTTP/1.
func Recognise(p *proto.Probe) proto.Match {
	if p.Datagram {
		return proto.No
	}
	b := bytes.TrimLeft(p.Data, "\r\n\t ")
	if len(b) == 0 {
		return proto.Maybe
	}
	if m := responseLike(b); m != proto.No {
		if m == proto.Yes && p.Dir == flow.ToServer {
			return proto.Reversed
		}
		return m
	}
	m := requestLike(b)
	if m == proto.Yes && p.Dir == flow.ToClient {
		return proto.Reversed
	}
	return m
}

func responseLike(b []byte) proto.Match {
	const start = "HTTP/"
	if len(b) <= len(start) {
		if bytes.HasPrefix([]byte(start), b) {
			return proto.Maybe
		}
		return proto.No
	}
	if string(b[:len(start)]) != start || b[len(start)] != '0' && b[len(start)] != '1' {
		return proto.No
	}
	return proto.Yes
}

func requestLike(b []byte) proto.Match {
	if bytes.HasPrefix(b, []byte("PRI * HTTP/2")) {
		return proto.No
	}
	for _, m := range methods {
		if len(b) <= len(m) {
			if string(b) == m[:len(b)] {
				return proto.Maybe
			}
			continue
		}
		if string(b[:len(m)]) == m && (b[len(m)] == ' ' || b[len(m)] == '\t') {
			return plausibleLine(b[len(m):])
		}
	}
	return proto.No
}

// plausibleLine tells requests from other text protocols that share a word with HTTP (SIP's OPTIONS, RTSP, FTP-like
// dialects): what follows the URI, where it is there, must be HTTP.
func plausibleLine(b []byte) proto.Match {
	line, _, whole := bytes.Cut(b, []byte{'\n'})
	if !whole {
		if len(b) > 64 {
			return proto.Yes
		}
		return proto.Maybe
	}
	line = bytes.TrimRight(line, "\r ")
	for _, other := range []string{"SIP/2.0", "RTSP/1.0", "RTSP/2.0", "ICY/1.0"} {
		if bytes.HasSuffix(line, []byte(other)) {
			return proto.No
		}
	}
	return proto.Yes
}
