package field

import (
	"fengsui/capture/flow"
	sipproto "fengsui/capture/proto/sip"
)

func sipOf(v *View) *sipproto.Transaction { return v.Tx.(*sipproto.Transaction) }

// sipLine makes a buffer out of a part of the start line.
func sipLine(get func(t *sipproto.Transaction) []byte, names ...string) Buffer {
	return Buffer{Names: names, Dirs: Both, Need: After(sipproto.InBody), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		if i > 0 {
			return nil, false
		}
		data := get(sipOf(v))
		return data, data != nil
	}}
}

// sipField makes a buffer out of the fields of a name.
func sipField(name, field string) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Need: After(sipproto.InBody), Multi: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		return sipOf(v).Nth(field, i)
	}}
}

// sdpOne makes a buffer out of something a session description has once.
func sdpOne(name string, get func(s *sipproto.SDP) []byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Need: After(sipproto.Done), Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		s := sipOf(v).SDP
		if s == nil || i > 0 {
			return nil, false
		}
		data := get(s)
		return data, data != nil
	}}
}

// sdpMany makes a buffer out of something a session description may have several times.
func sdpMany(name string, get func(s *sipproto.SDP) [][]byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Need: After(sipproto.Done), Multi: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		s := sipOf(v).SDP
		if s == nil {
			return nil, false
		}
		if list := get(s); i < len(list) {
			return list[i], true
		}
		return nil, false
	}}
}

// sdpMedia makes a buffer out of something a media description has.
func sdpMedia(get func(m *sipproto.Media) []byte, names ...string) Buffer {
	return Buffer{Names: names, Dirs: Both, Need: After(sipproto.Done), Multi: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		s := sipOf(v).SDP
		if s == nil {
			return nil, false
		}
		for k := range s.Media {
			if data := get(&s.Media[k]); data != nil {
				if i == 0 {
					return data, true
				}
				i--
			}
		}
		return nil, false
	}}
}

// sipFrame makes a frame out of a part of a message, of requests or of responses.
func sipFrame(name string, request bool, need int, grows bool, get func(m *sipproto.Message) []byte) Buffer {
	return Buffer{Names: []string{name}, Dirs: Both, Need: After(need), Grows: grows, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
		m := &sipOf(v).Message
		if i > 0 || m.Request != request {
			return nil, false
		}
		data := get(m)
		return data, len(data) > 0
	}}
}

func sip() Protocol {
	type tx = *sipproto.Transaction
	type desc = *sipproto.SDP
	type msg = *sipproto.Message
	p := Protocol{
		App: flow.AppSIP,
		Buffers: []Buffer{
			sipLine(func(t tx) []byte { return t.Method }, "sip.method"),
			sipLine(func(t tx) []byte { return t.URI }, "sip.uri"),
			sipLine(func(t tx) []byte { return t.Version }, "sip.protocol"),
			sipLine(func(t tx) []byte { return t.Code }, "sip.stat_code"),
			sipLine(func(t tx) []byte { return t.Reason }, "sip.stat_msg"),
			sipLine(func(t tx) []byte {
				if !t.Request {
					return nil
				}
				return t.Line
			}, "sip.request_line"),
			sipLine(func(t tx) []byte {
				if t.Request {
					return nil
				}
				return t.Line
			}, "sip.response_line"),
			sipField("sip.from", "from"), sipField("sip.to", "to"), sipField("sip.via", "via"), sipField("sip.user_agent", "user-agent"),
			sipField("sip.content_type", "content-type"), sipField("sip.content_length", "content-length"),
			sdpOne("sdp.origin", func(s desc) []byte { return s.Origin }),
			sdpOne("sdp.session_name", func(s desc) []byte { return s.Name }),
			sdpOne("sdp.session_info", func(s desc) []byte { return s.Info }),
			sdpOne("sdp.uri", func(s desc) []byte { return s.URI }),
			sdpMany("sdp.email", func(s desc) [][]byte { return s.Emails }),
			sdpMany("sdp.phone_number", func(s desc) [][]byte { return s.Phones }),
			sdpOne("sdp.connection_data", func(s desc) []byte { return s.Connection }),
			sdpMany("sdp.bandwidth", func(s desc) [][]byte { return s.Bandwidths }),
			sdpMany("sdp.time", func(s desc) [][]byte { return s.Times }),
			sdpMany("sdp.repeat_time", func(s desc) [][]byte { return s.Repeats }),
			sdpOne("sdp.timezone", func(s desc) []byte { return s.Timezone }),
			sdpOne("sdp.encryption_key", func(s desc) []byte { return s.Key }),
			sdpMany("sdp.attribute", func(s desc) [][]byte { return s.Attributes }),
			sdpMedia(func(m *sipproto.Media) []byte { return m.Media }, "sdp.media.media", "sdp.media_description.media"),
			sdpMedia(func(m *sipproto.Media) []byte { return m.Info }, "sdp.media.media_info", "sdp.media.session_info", "sdp.media_description.session_info"),
			sdpMedia(func(m *sipproto.Media) []byte { return m.Connection }, "sdp.media.connection_data", "sdp.media_description.connection_data"),
			sdpMedia(func(m *sipproto.Media) []byte { return m.Key }, "sdp.media.encryption_key", "sdp.media_description.encryption_key"),
		},
		Frames: []Buffer{{Names: []string{"pdu"}, Dirs: Both, Need: After(sipproto.InBody), Grows: true, Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			data := sipOf(v).Raw
			return data, i == 0 && data != nil
		}}},
		Events: sipproto.Anomalies,
	}
	for _, side := range []string{"request", "response"} {
		request := side == "request"
		p.Frames = append(p.Frames,
			sipFrame(side+".line", request, sipproto.InBody, false, func(m msg) []byte { return m.Line }),
			sipFrame(side+".headers", request, sipproto.InBody, false, func(m msg) []byte { return m.RawHeaders }),
			sipFrame(side+".body", request, sipproto.InBody, true, func(m msg) []byte { return m.Body }),
		)
	}
	return p
}
