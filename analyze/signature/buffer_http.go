package signature

import (
	"fengsui/analyze/signature/inspect"
	"fengsui/capture/flow"
	"fengsui/capture/proto/http"
)

func httpOf(t *txView) *http.Transaction { return t.tx.(*http.Transaction) }

// httpSide makes a buffer out of the message of the side looked at.
func httpSide(name string, dirs dirSet, need int, get func(m *http.Message) []byte) *buffer {
	return &buffer{
		name: name, app: flow.AppHTTP, dirs: dirs, need: [2]int{need, need},
		get: func(t *txView, i int, _ []byte) ([]byte, bool) {
			data := get(httpOf(t).Side(t.dir))
			return data, i == 0 && data != nil
		},
	}
}

// httpHeader makes a buffer out of the value of one header. A header without value is an empty buffer, not an absent one.
func httpHeader(name, header string, dirs dirSet) *buffer {
	return httpSide(name, dirs, http.InBody, func(m *http.Message) []byte {
		for i := range m.Headers {
			if inspect.EqualFold(m.Headers[i].Name, header) {
				if v := m.Headers[i].Value; v != nil {
					return v
				}
				return m.Headers[i].Name[:0]
			}
		}
		return nil
	})
}

func httpRequest(name string, need int, get func(r *http.Request) []byte) *buffer {
	return &buffer{
		name: name, app: flow.AppHTTP, dirs: toServer, need: [2]int{need, 0},
		get: func(t *txView, i int, _ []byte) ([]byte, bool) {
			data := get(&httpOf(t).Request)
			return data, i == 0 && data != nil
		},
	}
}

func httpResponse(name string, get func(r *http.Response) []byte) *buffer {
	return &buffer{
		name: name, app: flow.AppHTTP, dirs: toClient, need: [2]int{0, http.InHeaders},
		get: func(t *txView, i int, _ []byte) ([]byte, bool) {
			data := get(&httpOf(t).Response)
			return data, i == 0 && data != nil
		},
	}
}

func httpBody(name string, dirs dirSet) *buffer {
	b := httpSide(name, dirs, http.InBody, func(m *http.Message) []byte {
		if len(m.Body.Data) == 0 {
			return nil
		}
		return m.Body.Data
	})
	b.grows = true
	return b
}

// httpFields makes a multi buffer of "Name: value" lines.
func httpFields(name string, dirs dirSet) *buffer {
	b := httpSide(name, dirs, http.InBody, nil)
	b.multi = true
	b.get = func(t *txView, i int, scratch []byte) ([]byte, bool) {
		m := httpOf(t).Side(t.dir)
		if i >= len(m.Headers) {
			return nil, false
		}
		scratch = append(scratch, m.Headers[i].Name...)
		scratch = append(scratch, ": "...)
		return append(scratch, m.Headers[i].Value...), true
	}
	return b
}

// httpBuffers are the sticky buffers of HTTP under all their names. Never written.
var httpBuffers = buildHTTPBuffers()

func buildHTTPBuffers() map[string]*buffer {
	list := []*buffer{
		httpRequest("http.method", http.InHeaders, func(r *http.Request) []byte { return r.Method }),
		httpRequest("http.uri", http.InHeaders, func(r *http.Request) []byte { return r.URI }),
		httpRequest("http.uri.raw", http.InHeaders, func(r *http.Request) []byte { return r.RawURI }),
		httpRequest("http.host", http.InBody, func(r *http.Request) []byte { return r.Host }),
		httpRequest("http.host.raw", http.InBody, func(r *http.Request) []byte { return r.HostRaw }),
		httpRequest("http.request_line", http.InHeaders, func(r *http.Request) []byte { return r.Line }),
		httpHeader("http.user_agent", "user-agent", toServer),
		httpHeader("http.accept", "accept", toServer),
		httpHeader("http.accept_enc", "accept-encoding", toServer),
		httpHeader("http.accept_lang", "accept-language", toServer),
		httpHeader("http.referer", "referer", toServer),
		httpHeader("http.connection", "connection", bothDirs),
		httpHeader("http.content_type", "content-type", bothDirs),
		httpHeader("http.content_len", "content-length", bothDirs),
		httpHeader("http.server", "server", toClient),
		httpHeader("http.location", "location", toClient),
		httpResponse("http.stat_code", func(r *http.Response) []byte { return r.StatCode }),
		httpResponse("http.stat_msg", func(r *http.Response) []byte { return r.StatMsg }),
		httpResponse("http.response_line", func(r *http.Response) []byte { return r.Line }),
		httpSide("http.protocol", bothDirs, http.InHeaders, func(m *http.Message) []byte { return m.Protocol }),
		httpSide("http.header", bothDirs, http.InBody, func(m *http.Message) []byte { return m.NormHeaders }),
		httpSide("http.header.raw", bothDirs, http.InBody, func(m *http.Message) []byte { return m.RawHeaders }),
		httpSide("http.header_names", bothDirs, http.InBody, func(m *http.Message) []byte { return m.HeaderNames }),
		httpSide("http.start", bothDirs, http.InBody, func(m *http.Message) []byte { return m.Start }),
		httpSide("http.cookie", bothDirs, http.InBody, func(m *http.Message) []byte { return m.Cookie }),
		httpFields("http.request_header", toServer),
		httpFields("http.response_header", toClient),
		httpBody("http.request_body", toServer),
		httpBody("http.response_body", toClient),
		httpBody("file.data", bothDirs),
	}
	m := make(map[string]*buffer, 2*len(list))
	for _, b := range list {
		m[b.name] = b
	}
	for old, name := range map[string]string{
		"http_header_names": "http.header_names", "http_protocol": "http.protocol", "http_request_line": "http.request_line",
		"http_response_line": "http.response_line", "http_accept": "http.accept", "http_accept_enc": "http.accept_enc",
		"http_accept_lang": "http.accept_lang", "http_referer": "http.referer", "http_connection": "http.connection",
		"http_content_type": "http.content_type", "http_content_len": "http.content_len", "http_start": "http.start",
		"http_location": "http.location", "http_server": "http.server", "file_data": "file.data",
	} {
		m[old] = m[name]
	}
	return m
}

// legacyModifiers move the content before them into a buffer. Never written.
var legacyModifiers = map[string]string{
	"http_uri": "http.uri", "http_raw_uri": "http.uri.raw", "http_method": "http.method", "http_client_body": "http.request_body",
	"http_server_body": "http.response_body", "http_header": "http.header", "http_raw_header": "http.header.raw", "http_cookie": "http.cookie",
	"http_user_agent": "http.user_agent", "http_host": "http.host", "http_raw_host": "http.host.raw", "http_stat_code": "http.stat_code",
	"http_stat_msg": "http.stat_msg",
}

// pcreBuffers are the flags after an expression that name a buffer. Never written.
var pcreBuffers = map[byte]string{
	'U': "http.uri", 'I': "http.uri.raw", 'P': "http.request_body", 'Q': "http.response_body", 'H': "http.header", 'D': "http.header.raw",
	'M': "http.method", 'C': "http.cookie", 'S': "http.stat_code", 'Y': "http.stat_msg", 'V': "http.user_agent", 'W': "http.host",
	'Z': "http.host.raw",
}
