package field

import (
	"fengsui/capture/flow"
	tlsproto "fengsui/capture/proto/tls"
)

// tlcp is the table of TLCP: that of TLS, whose transactions it has, and the certificate of the encryption key.
func tlcp() Protocol {
	p := tls()
	p.App, p.EventPrefix = flow.AppTLCP, ""
	text := func(name string, get func(c *tlsproto.Certificate) string) Buffer {
		return Buffer{
			Names: []string{name}, Dirs: Both, Need: After(tlsproto.CertDone),
			Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
				c := tlsOf(v).EncryptionCertificate(v.Dir)
				if c == nil || i > 0 {
					return nil, false
				}
				s := get(c)
				return append(scratch, s...), s != ""
			},
		}
	}
	p.Buffers = append(p.Buffers,
		text("tlcp.enc_cert_subject", func(c *tlsproto.Certificate) string { return c.Subject }),
		text("tlcp.enc_cert_serial", func(c *tlsproto.Certificate) string { return c.Serial }),
		Buffer{
			Names: []string{"tlcp.cipher"}, Dirs: ToClient, Need: After(tlsproto.HelloDone),
			Get: func(v *View, i int, scratch []byte) ([]byte, bool) {
				s := &tlsOf(v).Server
				if i > 0 || !s.Seen {
					return nil, false
				}
				return append(scratch, tlsproto.SuiteNameTLCP(s.Cipher)...), true
			},
		},
	)
	return p
}
