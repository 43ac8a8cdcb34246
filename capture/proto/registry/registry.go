package registry

import (
	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/dns"
	"fengsui/capture/proto/http"
	"fengsui/capture/proto/tls"
)

// Limits bound what parsers keep.
type Limits struct {
	HTTP http.Limits
}

// Protocols returns the list, in the order recognition asks.
func Protocols(l Limits) []proto.Protocol {
	return []proto.Protocol{
		{App: flow.AppHTTP, TCP: true, Recognise: http.Recognise, New: http.New(l.HTTP)},
		{App: flow.AppTLS, TCP: true, Recognise: tls.Recognise, New: tls.New},
		{App: flow.AppDNS, TCP: true, UDP: true, Recognise: dns.RecogniseDNS, New: dns.New},
		{App: flow.AppMDNS, UDP: true, Recognise: dns.RecogniseMDNS, New: dns.NewMDNS},
	}
}
