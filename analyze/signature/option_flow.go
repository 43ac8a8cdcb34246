package signature

import (
	"strings"
	"time"

	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
	"fengsui/capture/flow"
)

func flowKeywords() map[string]keyword {
	return map[string]keyword{
		"flow":               {value: valueNeeded, parse: optFlow},
		"flow.age":           {value: valueNeeded, parse: optFlowAge},
		"flow.pkts_toserver": {value: valueNeeded, parse: optFlowCount(func(f *flow.Flow) uint64 { return f.Count[flow.ToServer].Packets })},
		"flow.pkts_toclient": {value: valueNeeded, parse: optFlowCount(func(f *flow.Flow) uint64 { return f.Count[flow.ToClient].Packets })},
		"flow.bytes_toserver": {value: valueNeeded, parse: optFlowCount(func(f *flow.Flow) uint64 {
			return f.Count[flow.ToServer].Bytes
		})},
		"flow.bytes_toclient": {value: valueNeeded, parse: optFlowCount(func(f *flow.Flow) uint64 {
			return f.Count[flow.ToClient].Bytes
		})},
		"flow.pkts":          {value: valueNeeded, parse: optFlowSides(func(c *flow.Counters) uint64 { return c.Packets })},
		"flow.bytes":         {value: valueNeeded, parse: optFlowSides(func(c *flow.Counters) uint64 { return c.Bytes })},
		"flow.elephant":      {value: valueNeeded, parse: optElephant},
		"app-layer-protocol": {value: valueNeeded, parse: optAppProto},
	}
}

func optFlow(b *builder, o rule.Option) error {
	s := b.out
	b.flowSeen = true
	dirs := dirSet(0)
	for _, word := range strings.Split(o.Value, ",") {
		switch strings.ToLower(strings.TrimSpace(word)) {
		case "to_server", "from_client":
			dirs |= toServer
		case "to_client", "from_server":
			dirs |= toClient
		case "established":
			s.established = true
		case "not_established":
			s.notEstablished = true
		case "stateless":
			// No demand on the state.
		case "only_stream":
			s.wantsStream = true
		case "no_stream":
			s.wantsPacket = true
		case "only_frag":
			s.onlyFrag = true
		case "no_frag":
			s.noFrag = true
		default:
			return atOffset(strings.Index(o.Value, word), "%q is no state of a flow", strings.TrimSpace(word))
		}
	}
	switch {
	case dirs == bothDirs:
		return atOffset(0, "a flow cannot go both ways at once")
	case s.established && s.notEstablished, s.wantsStream && s.wantsPacket && s.protos == protoTCP && strings.Contains(o.Value, "_stream"):
		return atOffset(0, "states exclude each other")
	case dirs != 0 && s.txBoth:
		return atOffset(0, "a => rule sees both directions")
	}
	if dirs != 0 {
		s.dirs &= dirs
		if s.dirs == 0 {
			return atOffset(0, "direction is not the one the rule's other keywords ask for")
		}
	}
	s.checks = append(s.checks, func(w *Worker) bool { return w.f != nil })
	return nil
}

func optFlowAge(b *builder, o rule.Option) error {
	cond, err := number.Parse(o.Value, 1<<32-1)
	if err != nil {
		return err
	}
	b.flowSeen = true
	b.out.checks = append(b.out.checks, func(w *Worker) bool {
		return w.f != nil && cond.Match(uint64(w.p.Time.Sub(w.f.First)/time.Second))
	})
	return nil
}

func optFlowCount(get func(*flow.Flow) uint64) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		cond, err := number.Parse(o.Value, 1<<62)
		if err != nil {
			return err
		}
		b.flowSeen = true
		b.out.checks = append(b.out.checks, func(w *Worker) bool { return w.f != nil && cond.Match(get(w.f)) })
		return nil
	}
}

// optFlowSides reads flow.pkts:toserver,>3 and its like.
func optFlowSides(get func(*flow.Counters) uint64) func(*builder, rule.Option) error {
	return func(b *builder, o rule.Option) error {
		side, text, ok := strings.Cut(o.Value, ",")
		if !ok {
			return atOffset(0, "want toserver|toclient|both|either,number")
		}
		cond, err := number.Parse(text, 1<<62)
		if err != nil {
			return err
		}
		side = strings.TrimSpace(side)
		switch side {
		case "toserver", "toclient", "both", "either":
		default:
			return atOffset(0, "%q is not toserver, toclient, both or either", side)
		}
		b.flowSeen = true
		b.out.checks = append(b.out.checks, func(w *Worker) bool {
			if w.f == nil {
				return false
			}
			up, down := cond.Match(get(&w.f.Count[0])), cond.Match(get(&w.f.Count[1]))
			switch side {
			case "toserver":
				return up
			case "toclient":
				return down
			case "both":
				return up && down
			}
			return up || down
		})
		return nil
	}
}

// optAppProto reads app-layer-protocol:[!]name[,mode].
func optAppProto(b *builder, o rule.Option) error {
	name, mode, hasMode := strings.Cut(o.Value, ",")
	name, negated := strings.CutPrefix(strings.TrimSpace(name), "!")
	mode = strings.TrimSpace(mode)
	var want appSet
	switch name {
	case "failed":
		want = appBit(flow.AppFailed)
	case "unknown":
		want = appBit(flow.AppUnknown)
	case "http1":
		want = appBit(flow.AppHTTP)
	default:
		app, ok := parseApp(name)
		if !ok {
			return atOffset(0, "protocol %q is not known", name)
		}
		if _, want = nameApps(app); b.c.recognised&want == 0 {
			return atOffset(0, "protocol %q is not recognised in this build", name)
		}
	}
	b.flowSeen = true
	if hasMode {
		get, ok := appModes[mode]
		if !ok {
			return atOffset(len(name)+1, "mode %q is not known", mode)
		}
		b.out.checks = append(b.out.checks, func(w *Worker) bool {
			return w.f != nil && get(w, want) != negated && w.f.AppDir[w.dir] != flow.AppUnknown
		})
		return nil
	}
	b.out.pdOnly = b.out.payloadFree()
	b.out.checks = append(b.out.checks, func(w *Worker) bool {
		if w.f == nil || w.f.AppDir[w.dir] == flow.AppUnknown {
			return false // not decided yet
		}
		return want.has(w.f.AppDir[w.dir]) != negated
	})
	return nil
}

// has tells whether a set contains a protocol.
func (s appSet) has(app flow.App) bool { return s&appBit(app) != 0 }

// appModes are the ways app-layer-protocol may look at a flow. Never written.
var appModes = map[string]func(w *Worker, want appSet) bool{
	"final":     func(w *Worker, want appSet) bool { return want.has(w.f.App) },
	"to_server": func(w *Worker, want appSet) bool { return want.has(w.f.AppDir[flow.ToServer]) },
	"to_client": func(w *Worker, want appSet) bool { return want.has(w.f.AppDir[flow.ToClient]) },
	"toserver":  func(w *Worker, want appSet) bool { return want.has(w.f.AppDir[flow.ToServer]) },
	"toclient":  func(w *Worker, want appSet) bool { return want.has(w.f.AppDir[flow.ToClient]) },
	"direction": func(w *Worker, want appSet) bool { return want.has(w.f.AppDir[w.dir]) },
	"either": func(w *Worker, want appSet) bool {
		return want.has(w.f.AppDir[flow.ToServer]) || want.has(w.f.AppDir[flow.ToClient])
	},
}

// payloadFree tells whether nothing of the rule so far looks at bytes.
func (s *sig) payloadFree() bool { return s.apps == 0 && s.protos&protoPkt == 0 }

// establishedNow tells whether flow:established holds for the packet being judged.
func (w *Worker) establishedNow() bool { return w.f != nil && w.f.Established() }
