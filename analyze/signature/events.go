package signature

// appEventSet are the events of one protocol that its parser raises.
type appEventSet struct {
	needs *buffer
	names map[string]bool
}

func eventNames(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// appEvents are the events rules may ask for. Never written.
var appEvents = map[string]*appEventSet{
	"http": {httpBuffers["http.protocol"], eventNames()},
	"dns":  {dnsWhole, eventNames()},
	"tls":  {tlsHello, eventNames()},
}
