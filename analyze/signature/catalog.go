package signature

import (
	"slices"

	"fengsui/analyze/signature/field"
	"fengsui/capture/flow"
	"fengsui/capture/packet"
)

// buffer is one place bytes come from: a part of transactions, under the same name in one or several protocols, or a header of a packet.
type buffer struct {
	name string
	// header gives the bytes of a packet header, for packet buffers.
	header func(p *packet.Packet) []byte

	apps appSet // protocols that have it
	at   [appsMax]*field.Buffer
	// multi and grows: true when so in any protocol.
	multi, grows bool
}

func appBit(a flow.App) appSet { return 1 << a }

// each visits the protocols of a set.
func (s appSet) each(visit func(app flow.App)) {
	for app := range flow.App(appsMax) {
		if s&appBit(app) != 0 {
			visit(app)
		}
	}
}

// eventSet are the events of one prefix of app-layer-event.
type eventSet struct {
	apps  appSet
	names map[string]string // as rules write them, to the parser's name
}

// catalog is what the tables of package field say, by keyword. It is never written once made.
type catalog struct {
	buffers map[string]*buffer
	numbers map[string]map[flow.App]*field.Number
	tests   map[string]map[flow.App]*field.Test
	frames  map[string]*buffer // by prefix and name
	events  map[string]*eventSet
	parsed  appSet // protocols whose transactions capture yields
	files   appSet // protocols that carry files
	fileIn  [appsMax]field.Dirs
}

// fields is the catalog of this build. Never written.
var fields = makeCatalog(field.Protocols())

func makeCatalog(list []field.Protocol) *catalog {
	c := &catalog{
		buffers: map[string]*buffer{}, numbers: map[string]map[flow.App]*field.Number{}, tests: map[string]map[flow.App]*field.Test{},
		frames: map[string]*buffer{}, events: map[string]*eventSet{},
	}
	for name, b := range packetBuffers {
		c.buffers[name] = b
	}
	for i := range list {
		p := &list[i]
		c.parsed |= appBit(p.App)
		if p.Files != 0 {
			c.files |= appBit(p.App)
			c.fileIn[p.App] = p.Files
		}
		for k := range p.Buffers {
			for _, name := range p.Buffers[k].Names {
				addBuffer(c.buffers, name, p.App, &p.Buffers[k])
			}
		}
		for k := range p.Numbers {
			for _, name := range p.Numbers[k].Names {
				addKeyword(c.numbers, name, p.App, &p.Numbers[k])
			}
		}
		for k := range p.Tests {
			for _, name := range p.Tests[k].Names {
				addKeyword(c.tests, name, p.App, &p.Tests[k])
			}
		}
		prefix := p.EventPrefix
		if prefix == "" {
			prefix = p.App.String()
		}
		for k := range p.Frames {
			addBuffer(c.frames, prefix+"."+p.Frames[k].Names[0], p.App, &p.Frames[k])
		}
		c.addEvents(prefix, p)
	}
	return c
}

func addKeyword[T any](m map[string]map[flow.App]*T, name string, app flow.App, k *T) {
	if m[name] == nil {
		m[name] = map[flow.App]*T{}
	}
	m[name][app] = k
}

// addBuffer joins a protocol's buffer to that of the same name. All spellings are one buffer, so that keywords on either meet.
func addBuffer(m map[string]*buffer, name string, app flow.App, f *field.Buffer) {
	b := m[name]
	if b == nil {
		for _, other := range f.Names {
			if b = m[other]; b != nil {
				break
			}
		}
		if b == nil {
			b = &buffer{name: f.Names[0]}
		}
		m[name] = b
	}
	b.apps |= appBit(app)
	b.at[app] = f
	b.multi = b.multi || f.Multi
	b.grows = b.grows || f.Grows
}

func (c *catalog) addEvents(prefix string, p *field.Protocol) {
	if len(p.Events) == 0 {
		return
	}
	set := c.events[prefix]
	if set == nil {
		set = &eventSet{names: map[string]string{}}
		c.events[prefix] = set
	}
	set.apps |= appBit(p.App)
	for _, name := range p.Events {
		set.names[name] = name
	}
	for other, name := range p.EventNames {
		if slices.Contains(p.Events, name) {
			set.names[other] = name
		}
	}
}

// findBuffer looks a sticky buffer up by keyword.
func findBuffer(name string) *buffer { return fields.buffers[name] }

// known tells whether a keyword stands in the tables.
func (c *catalog) known(name string) bool {
	return c.buffers[name] != nil || c.numbers[name] != nil || c.tests[name] != nil
}

// closure is the flows on which transactions of some protocols may be found: those of DNS and HTTP/2 in DNS over HTTP/2 as well.
func closure(apps appSet) appSet {
	if apps&(appBit(flow.AppDNS)|appBit(flow.AppHTTP2)) != 0 {
		apps |= appBit(flow.AppDoH2)
	}
	return apps
}

// nameApps is what a protocol's name in a rule stands for: the transactions, and the flows.
func nameApps(app flow.App) (transactions, flows appSet) {
	bit := appBit(app)
	switch app {
	case flow.AppHTTP:
		bit |= appBit(flow.AppHTTP2)
	case flow.AppDCERPC:
		bit |= appBit(flow.AppSMB)
	case flow.AppDoH2:
		return bit | appBit(flow.AppHTTP2) | appBit(flow.AppDNS), bit
	}
	return bit, closure(bit)
}

// packetBuffers are headers of the packet. Never written.
var packetBuffers = map[string]*buffer{
	"ipv4.hdr": {name: "ipv4.hdr", header: func(p *packet.Packet) []byte {
		if p.IPVersion != 4 {
			return nil
		}
		return p.IPHeader
	}},
	"ipv6.hdr": {name: "ipv6.hdr", header: func(p *packet.Packet) []byte {
		if p.IPVersion != 6 {
			return nil
		}
		return p.IPHeader
	}},
	"ip.src": {name: "ip.src", header: func(p *packet.Packet) []byte { return p.Src.AsSlice() }},
	"ip.dst": {name: "ip.dst", header: func(p *packet.Packet) []byte { return p.Dst.AsSlice() }},
	"igmp.hdr": {name: "igmp.hdr", header: func(p *packet.Packet) []byte {
		if !isIGMP(p) {
			return nil
		}
		return p.IPPayload
	}},
	"tcp.hdr":    {name: "tcp.hdr", header: transportOf(packet.KindTCP)},
	"udp.hdr":    {name: "udp.hdr", header: transportOf(packet.KindUDP)},
	"icmpv4.hdr": {name: "icmpv4.hdr", header: icmpOf(packet.KindICMP)},
	"icmpv6.hdr": {name: "icmpv6.hdr", header: icmpOf(packet.KindICMPv6)},
}

func transportOf(kind packet.Kind) func(*packet.Packet) []byte {
	return func(p *packet.Packet) []byte {
		if p.Kind != kind {
			return nil
		}
		return p.Transport
	}
}

// icmpOf gives the whole message: rules on the ICMP header look into what it quotes too.
func icmpOf(kind packet.Kind) func(*packet.Packet) []byte {
	return func(p *packet.Packet) []byte {
		if p.Kind != kind {
			return nil
		}
		return p.IPPayload
	}
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
