package eve

import (
	"bytes"
	"strconv"

	"fengsui/capture/proto/http"
)

// appendHTTP appends the http object.
func appendHTTP(b []byte, t *http.Transaction) []byte {
	q, r := &t.Request, &t.Response
	b = append(b, `,"http":{`...)
	if t.RequestSeen {
		b = field(b, "hostname", q.Host)
		if port := hostPort(q.HostRaw); port > 0 {
			b = number(b, "http_port", port)
		}
		b = field(b, "url", q.RawURI)
		b = field(b, "http_user_agent", q.Get("user-agent"))
		b = field(b, "xff", q.Get("x-forwarded-for"))
	}
	if t.ResponseSeen {
		kind, _, _ := bytes.Cut(r.Get("content-type"), []byte{';'})
		b = field(b, "http_content_type", bytes.TrimRight(kind, " \t"))
		b = contentRange(b, r.Get("content-range"))
	}
	if t.RequestSeen {
		b = field(b, "http_refer", q.Get("referer"))
		b = field(b, "http_method", q.Method)
		b = field(b, "protocol", q.Protocol)
	}
	if t.ResponseSeen {
		if r.Status > 0 {
			b = number(b, "status", uint64(r.Status))
			if r.Status >= 300 && r.Status < 400 {
				b = field(b, "redirect", r.Get("location"))
			}
		}
	}
	b = number(b, "length", r.Body.Wire)
	return append(b, '}')
}

// hostPort is the port in a Host header, 0 when there is none.
func hostPort(host []byte) uint64 {
	at := bytes.LastIndexByte(host, ':')
	if at < 0 || bytes.IndexByte(host[at:], ']') >= 0 || len(host)-at > 6 {
		return 0
	}
	var n uint64
	for _, c := range host[at+1:] {
		if c < '0' || c > '9' {
			return 0
		}
		n = 10*n + uint64(c-'0')
	}
	return n
}

// contentRange appends "bytes 0-99/1000" with its numbers.
func contentRange(b, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	b = object(b, "content_range")
	b = field(b, "raw", v)
	if rest, ok := bytes.CutPrefix(v, []byte("bytes ")); ok {
		span, size, _ := bytes.Cut(bytes.TrimSpace(rest), []byte{'/'})
		from, to, _ := bytes.Cut(span, []byte{'-'})
		for _, x := range [...]struct {
			key string
			v   []byte
		}{{"start", from}, {"end", to}, {"size", size}} {
			if n, ok := decimal(x.v); ok {
				b = strconv.AppendUint(appendKey(b, x.key), n, 10)
			}
		}
	}
	return append(b, '}')
}

func decimal(v []byte) (n uint64, ok bool) {
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<59 {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	return n, len(v) > 0
}
