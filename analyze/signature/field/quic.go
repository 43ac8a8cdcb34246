package field

import (
	"fengsui/capture/flow"
	quicproto "fengsui/capture/proto/quic"
	tlsproto "fengsui/capture/proto/tls"
)

// quicTx returns the packet when the view is from its side, nil otherwise.
func quicTx(v *View) *quicproto.Transaction {
	if t, ok := v.Tx.(*quicproto.Transaction); ok && v.Dir == t.Only {
		return t
	}
	return nil
}

func quicBytes(get func(t *quicproto.Transaction) []byte, names ...string) Buffer {
	return Buffer{
		Names: names, Dirs: Both, Need: After(quicproto.Done),
		Get: func(v *View, i int, _ []byte) ([]byte, bool) {
			t := quicTx(v)
			if t == nil || i > 0 {
				return nil, false
			}
			b := get(t)
			return b, b != nil
		},
	}
}

func quicText(dirs Dirs, get func(t *quicproto.Transaction) string, names ...string) Buffer {
	return Buffer{
		Names: names, Dirs: dirs, Need: After(quicproto.Done),
		Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
			t := quicTx(v)
			if t == nil || i > 0 {
				return nil, false
			}
			text := get(t)
			return append(scratch, text...), text != ""
		},
	}
}

func quicClient(get func(h *tlsproto.ClientHello) string) func(t *quicproto.Transaction) string {
	return func(t *quicproto.Transaction) string {
		if t.Client == nil {
			return ""
		}
		return get(t.Client)
	}
}

func quicServer(get func(h *tlsproto.ServerHello) string) func(t *quicproto.Transaction) string {
	return func(t *quicproto.Transaction) string {
		if t.Server == nil {
			return ""
		}
		return get(t.Server)
	}
}

func quic() Protocol {
	return Protocol{
		App: flow.AppQUIC, Events: quicproto.Anomalies,
		Buffers: []Buffer{
			quicBytes(func(t *quicproto.Transaction) []byte { return t.Version[:] }, "quic.version"),
			quicBytes(func(t *quicproto.Transaction) []byte { return t.SNI }, "quic.sni"),
			quicBytes(func(t *quicproto.Transaction) []byte { return t.UserAgent }, "quic.ua"),
			several(quicText(Both, func(t *quicproto.Transaction) string { return t.CYUHash }, "quic.cyu.hash")),
			several(quicText(Both, func(t *quicproto.Transaction) string { return t.CYU }, "quic.cyu.string")),
			quicText(ToServer, quicClient(func(h *tlsproto.ClientHello) string { return h.JA3Hash }), "ja3.hash", "ja3_hash"),
			quicText(ToServer, quicClient(func(h *tlsproto.ClientHello) string { return h.JA3 }), "ja3.string", "ja3_string"),
			quicText(ToServer, quicClient(func(h *tlsproto.ClientHello) string { return h.JA4 }), "ja4.hash", "ja4_hash"),
			quicText(ToClient, quicServer(func(h *tlsproto.ServerHello) string { return h.JA3SHash }), "ja3s.hash"),
			quicText(ToClient, quicServer(func(h *tlsproto.ServerHello) string { return h.JA3S }), "ja3s.string"),
		},
	}
}
