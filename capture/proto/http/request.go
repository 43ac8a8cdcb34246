package http

import (
	"bytes"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
)

// request reads a request line: method, target, protocol, separated by white space as loosely as servers read it. line
// is kept.
func (p *Parser) request(c *proto.Context, line []byte) proto.Verdict {
	h := &p.half[flow.ToServer]
	t := p.begin(c, flow.ToServer)
	r := &t.Request
	r.Line = line
	if trimmed := bytes.TrimLeft(line, " \t\v\f\r"); len(trimmed) != len(line) {
		t.Anomaly("request_line_leading_whitespace")
		line = trimmed
	}
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		r.Method = line
		t.Anomaly("request_line_incomplete")
	} else {
		r.Method = line[:i]
		if line[i] != ' ' || i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t') {
			t.Anomaly("method_delim_non_compliant")
		}
		t.splitTarget(bytes.TrimLeft(line[i:], " \t"))
	}
	t.normalise()
	bare := r.Protocol == nil
	if !bare && !validProtocol(r.Protocol) {
		t.Anomaly("request_invalid_protocol")
	}
	t.advance(flow.ToServer, InHeaders)
	if bare && bytes.Equal(r.Method, []byte("GET")) {
		h.stage = atProtocol
		return proto.Continue
	}
	if bare {
		t.Anomaly("request_line_missing_protocol")
	}
	h.stage = atHeaders
	return proto.Continue
}

// splitTarget reads "target protocol". The target ends at the first space; white space inside it is the client's fault.
func (t *Transaction) splitTarget(rest []byte) {
	r := &t.Request
	i := bytes.IndexByte(rest, ' ')
	if i < 0 {
		if i = bytes.IndexAny(rest, "\t\v\f\r"); i >= 0 {
			t.Anomaly("uri_delim_non_compliant")
		}
	}
	if i < 0 {
		r.RawURI = rest
		return
	}
	r.RawURI = rest[:i]
	if proto := bytes.TrimSpace(rest[i:]); len(proto) > 0 {
		r.Protocol = proto
		// "GET /a b HTTP/1.1": the last word is the protocol, the spaces belong to the target.
		if j := bytes.LastIndexByte(proto, ' '); j >= 0 && hasPrefix(proto[j+1:], "HTTP/") {
			r.Protocol = proto[j+1:]
			r.RawURI = bytes.TrimRight(rest[:len(rest)-len(bytes.TrimLeft(rest[i:], " \t"))+j], " ")
			t.Anomaly("uri_delim_non_compliant")
		}
	}
}

func validProtocol(b []byte) bool {
	return len(b) == 8 && hasPrefix(b, "HTTP/") && b[5] >= '0' && b[5] <= '9' && b[6] == '.' && b[7] >= '0' && b[7] <= '9'
}

// normalise makes the normalised URI and the host the target names.
func (t *Transaction) normalise() {
	r := &t.Request
	connect := bytes.Equal(r.Method, []byte("CONNECT"))
	authority, path, query, fragment := splitURI(r.RawURI, connect)
	if connect {
		r.URI = r.RawURI
	} else {
		r.URI = normalURI(make([]byte, 0, len(r.RawURI)+1), path, query, fragment, t.Anomaly)
	}
	if len(authority) > 0 {
		host, port, valid := hostName(authority)
		if !valid {
			t.Anomaly("request_uri_host_invalid")
		}
		if badPort(authority, port) {
			t.Anomaly("invalid_authority_port")
		}
		r.HostRaw, r.Host = authority, host
	}
}

// hosts takes the host from the Host header unless the target named one.
func (t *Transaction) hosts(dir flow.Direction, serverPort uint16) {
	if dir == flow.ToClient {
		return
	}
	r := &t.Request
	v := r.Get("host")
	if v == nil {
		if hasPrefix(r.Protocol, "HTTP/1.1") && r.Host == nil {
			t.hostNote("missing_host_header")
		}
		return
	}
	host, port, valid := hostName(v)
	if !valid {
		t.hostNote("request_header_host_invalid")
	}
	if port >= 0 && serverPort != 0 && port != int(serverPort) {
		t.hostNote("request_server_port_tcp_port_mismatch")
	}
	if r.Host == nil {
		r.Host, r.HostRaw = host, v
	} else if !bytes.Equal(r.Host, host) {
		t.hostNote("host_header_ambiguous")
	}
}

// hostNote keeps an oddity of the host until the request is whole: a request that is cut is not blamed for it, as Suricata
// does not.
func (t *Transaction) hostNote(name string) { t.hostNotes = append(t.hostNotes, name) }

// authorization notes schemes that servers do not know.
func (t *Transaction) authorization(v []byte) {
	scheme, _, _ := bytes.Cut(v, []byte{' '})
	switch {
	case v == nil, equalFold(scheme, "basic"), equalFold(scheme, "digest"), equalFold(scheme, "bearer"):
	case equalFold(scheme, "negotiate"), equalFold(scheme, "ntlm"):
	default:
		t.Anomaly("request_auth_unrecognized")
	}
}

// requestHeaders decides what follows a request's header block.
func (p *Parser) requestHeaders(c *proto.Context) proto.Verdict {
	h := &p.half[flow.ToServer]
	t := h.tx
	r := &t.Request
	t.hosts(flow.ToServer, c.Flow.Server.Port())
	t.framing(flow.ToServer, &r.Message)
	t.authorization(r.Get("authorization"))
	t.advance(flow.ToServer, InBody)
	switch {
	case r.Chunked:
		h.stage = atChunk
	case r.ContentLength > 0:
		h.stage, h.left = atLength, r.ContentLength
	default:
		if bytes.Equal(r.Method, []byte("PUT")) && r.ContentLength < 0 && !hasPrefix(r.Protocol, "HTTP/1") {
			h.stage = atClose
			break
		}
		return p.complete(c, flow.ToServer)
	}
	p.startBody(t, h, flow.ToServer)
	return proto.Continue
}

func (p *Parser) startBody(t *Transaction, h *half, dir flow.Direction) {
	h.body.start(t, dir, p.kit)
}
