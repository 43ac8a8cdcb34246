package field

import (
	"bytes"

	"fengsui/capture/flow"
	httpproto "fengsui/capture/proto/http"
	http2proto "fengsui/capture/proto/http2"
)

// httpOf gives the exchange, over HTTP/1 or a stream of HTTP/2.
func httpOf(v *View) *httpproto.Transaction {
	if x, ok := v.Tx.(*httpproto.Transaction); ok {
		return x
	}
	return &v.Tx.(*http2proto.Transaction).Transaction
}

// httpSide makes a buffer out of the message of the side looked at.
func httpSide(name string, dirs Dirs, need int, get func(m *httpproto.Message) []byte) Buffer {
	return Buffer{
		Names: []string{name}, Dirs: dirs, Need: After(need),
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			if i > 0 {
				return nil, false
			}
			data := get(httpOf(v).Side(v.Dir))
			return data, data != nil
		},
	}
}

// httpHeader makes a buffer out of the value of one header. A header without value is an empty buffer, not an absent one. Names
// are compared without case, but in HTTP/2, where they are lower case (RFC 9113 8.2).
func httpHeader(name, header string, dirs Dirs) Buffer {
	exact := []byte(header)
	return Buffer{
		Names: []string{name}, Dirs: dirs, Need: After(httpproto.InBody),
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			if i > 0 {
				return nil, false
			}
			_, framed := v.Tx.(*http2proto.Transaction)
			headers := httpOf(v).Side(v.Dir).Headers
			for i := range headers {
				have := headers[i].Name
				if len(have) != len(exact) || framed && !bytes.Equal(have, exact) || !framed && !bytes.EqualFold(have, exact) {
					continue
				}
				if value := headers[i].Value; value != nil {
					return value, true
				}
				return have[:0], true
			}
			return nil, false
		},
	}
}

func httpRequest(name string, need int, get func(r *httpproto.Request) []byte) Buffer {
	return Buffer{
		Names: []string{name}, Dirs: ToServer, Need: Need{need, 0},
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			if i > 0 {
				return nil, false
			}
			data := get(&httpOf(v).Request)
			return data, data != nil
		},
	}
}

func httpResponse(name string, get func(r *httpproto.Response) []byte) Buffer {
	return Buffer{
		Names: []string{name}, Dirs: ToClient, Need: Need{0, httpproto.InHeaders},
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			if i > 0 {
				return nil, false
			}
			data := get(&httpOf(v).Response)
			return data, data != nil
		},
	}
}

func httpBody(name string, dirs Dirs) Buffer {
	b := httpSide(name, dirs, httpproto.InBody, func(m *httpproto.Message) []byte {
		if len(m.Body.Data) == 0 {
			return nil
		}
		return m.Body.Data
	})
	b.Grows = true
	return b
}

// httpFileData gives the body of a response, and the files of a request: the parts of a form are files of their own.
func httpFileData(v *View, i int, scratch []byte) ([]byte, bool) {
	if files := FilesOf(v); v.Dir == flow.ToServer && len(files) > 0 {
		return fileData(v, i, scratch)
	}
	data := httpOf(v).Side(v.Dir).Body.Data
	return data, i == 0 && len(data) > 0
}

func httpFileEnded(v *View, i int) bool {
	if files := FilesOf(v); v.Dir == flow.ToServer && len(files) > 0 {
		return fileEnded(v, i)
	}
	return httpOf(v).Side(v.Dir).Body.Done
}

// httpFields makes a buffer of "Name: value" lines.
func httpFields(name string, dirs Dirs) Buffer {
	return Buffer{
		Names: []string{name}, Dirs: dirs, Need: After(httpproto.InBody), Multi: true,
		Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
			m := httpOf(v).Side(v.Dir)
			if i >= len(m.Headers) {
				return nil, false
			}
			scratch = append(scratch, m.Headers[i].Name...)
			scratch = append(scratch, ": "...)
			return append(scratch, m.Headers[i].Value...), true
		},
	}
}

// httpFrame gives a message as sent, as far as its body was sent plainly.
func httpFrame(name string, dir flow.Direction) Buffer {
	return Buffer{
		Names: []string{name}, Dirs: 1 << dir, Need: After(httpproto.InBody), Grows: true,
		Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
			m := httpOf(v).Side(dir)
			if i > 0 || len(m.Start) == 0 {
				return nil, false
			}
			if len(m.Body.Data) == 0 {
				return m.Start, true
			}
			scratch = append(scratch, m.Start...)
			return append(scratch, m.Body.Data...), true
		},
	}
}

// httpNames gives the older spellings of the sticky buffers of HTTP. Never written. (The modifiers of contents, http_uri and its like, are the
// engine's: they work backwards.)
var httpNames = map[string]string{
	"http.header_names": "http_header_names", "http.protocol": "http_protocol", "http.request_line": "http_request_line",
	"http.response_line": "http_response_line", "http.accept": "http_accept", "http.accept_enc": "http_accept_enc",
	"http.accept_lang": "http_accept_lang", "http.referer": "http_referer", "http.connection": "http_connection",
	"http.content_type": "http_content_type", "http.content_len": "http_content_len", "http.start": "http_start",
	"http.location": "http_location", "http.server": "http_server",
}

func http() Protocol {
	p := Protocol{App: flow.AppHTTP, Events: httpproto.Anomalies, Files: Both, Buffers: []Buffer{
		httpRequest("http.method", httpproto.InHeaders, func(r *httpproto.Request) []byte { return r.Method }),
		httpRequest("http.uri", httpproto.InHeaders, func(r *httpproto.Request) []byte { return r.URI }),
		httpRequest("http.uri.raw", httpproto.InHeaders, func(r *httpproto.Request) []byte { return r.RawURI }),
		httpRequest("http.host", httpproto.InBody, func(r *httpproto.Request) []byte { return r.Host }),
		httpRequest("http.host.raw", httpproto.InBody, func(r *httpproto.Request) []byte { return r.HostRaw }),
		httpRequest("http.request_line", httpproto.InHeaders, func(r *httpproto.Request) []byte { return r.Line }),
		httpHeader("http.user_agent", "user-agent", ToServer),
		httpHeader("http.accept", "accept", ToServer),
		httpHeader("http.accept_enc", "accept-encoding", ToServer),
		httpHeader("http.accept_lang", "accept-language", ToServer),
		httpHeader("http.referer", "referer", ToServer),
		httpHeader("http.connection", "connection", Both),
		httpHeader("http.content_type", "content-type", Both),
		httpHeader("http.content_len", "content-length", Both),
		httpHeader("http.server", "server", ToClient),
		httpHeader("http.location", "location", ToClient),
		httpResponse("http.stat_code", func(r *httpproto.Response) []byte { return r.StatCode }),
		httpResponse("http.stat_msg", func(r *httpproto.Response) []byte { return r.StatMsg }),
		httpResponse("http.response_line", func(r *httpproto.Response) []byte { return r.Line }),
		httpSide("http.protocol", Both, httpproto.InHeaders, func(m *httpproto.Message) []byte { return m.Protocol }),
		httpSide("http.header", Both, httpproto.InBody, func(m *httpproto.Message) []byte { return m.NormHeaders }),
		httpSide("http.header.raw", Both, httpproto.InBody, func(m *httpproto.Message) []byte { return m.RawHeaders }),
		httpSide("http.header_names", Both, httpproto.InBody, func(m *httpproto.Message) []byte { return m.HeaderNames }),
		httpSide("http.start", Both, httpproto.InBody, func(m *httpproto.Message) []byte { return m.Start }),
		httpSide("http.cookie", Both, httpproto.InBody, func(m *httpproto.Message) []byte { return m.Cookie }),
		httpFields("http.request_header", ToServer),
		httpFields("http.response_header", ToClient),
		httpBody("http.request_body", ToServer),
		httpBody("http.response_body", ToClient),
		{Names: []string{"file.data", "file_data"}, Dirs: Both, Need: After(httpproto.InBody), Multi: true, Grows: true, Get: httpFileData, Ended: httpFileEnded},
	}, Frames: []Buffer{httpFrame("request", flow.ToServer), httpFrame("response", flow.ToClient)}}
	for i := range p.Buffers {
		b := &p.Buffers[i]
		if old, ok := httpNames[b.Names[0]]; ok {
			b.Names = append(b.Names, old)
		}
	}
	return p
}
