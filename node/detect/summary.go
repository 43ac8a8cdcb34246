package detect

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"fengsui/capture/evidence"
	"fengsui/capture/file"
	"fengsui/capture/pipeline"
)

// Summary is what a run amounted to.
type Summary struct {
	Packets, Bytes, Flows, Alerts uint64
	Loaded, Refused               int
	Elapsed                       time.Duration
	Invalid, BadChecksum          uint64
	CutOff                        []string // captures that end inside a packet

	kernelDrops, filtered uint64
	evicted, txLost       uint64
	records               uint64 // of EVE
	eveFile               string
	rules                 []ruleCount
	ruleCount             int
	protocols             []string
	malformed             map[string]uint64
	store                 *file.StoreStats
	storeDir              string
	evidence              *evidence.Stats
	evidenceDir           string
}

func (s *Summary) take(st pipeline.Stats, elapsed time.Duration) {
	s.Packets, s.Bytes, s.Flows, s.Elapsed = st.Packets, st.Bytes, st.Flows.Created, elapsed
	s.Invalid, s.BadChecksum = st.Invalid, st.BadChecksum
	s.evicted, s.txLost = st.Flows.Evicted, st.TxLost
	s.malformed = st.InvalidBy()
	type count struct {
		name     string
		flows, n uint64
	}
	var list []count
	for i, n := range st.FlowsByApp {
		if name := appName(i); n > 0 && i > 1 {
			list = append(list, count{name, n, st.Transactions[i]})
		}
	}
	slices.SortFunc(list, func(a, b count) int { return cmp.Or(cmp.Compare(b.flows, a.flows), cmp.Compare(a.name, b.name)) })
	for _, c := range list {
		if c.n > 0 {
			s.protocols = append(s.protocols, fmt.Sprintf("%s %d (%d transactions)", c.name, c.flows, c.n))
		} else {
			s.protocols = append(s.protocols, fmt.Sprintf("%s %d", c.name, c.flows))
		}
	}
}

// summary is what the run amounted to.
func (j *job) summary() Summary {
	t := j.totals()
	var s Summary
	s.take(t.Pipeline, j.elapsed)
	s.Alerts, s.Loaded, s.Refused, s.CutOff, s.kernelDrops = t.Alerts, t.RulesLoaded, t.RulesRefused, j.cutOff, t.KernelDrops
	for _, src := range j.sources {
		s.filtered += src.Counters().Filtered
	}
	if j.eveOut != nil {
		s.records, s.eveFile = j.eveOut.Lines(), j.s.eve
	}
	s.rules, s.ruleCount = j.topRules()
	if j.store != nil {
		st := j.store.Stats()
		s.store, s.storeDir = &st, j.s.extract
	}
	if j.evidence != nil {
		st := j.evidence.Stats()
		s.evidence, s.evidenceDir = &st, j.s.evidence
	}
	return s
}

// print writes the summary, what matters to everyone first.
func (s *Summary) print(w io.Writer) {
	seconds := s.Elapsed.Seconds()
	rate := 0.0
	if seconds > 0 {
		rate = float64(s.Packets) / seconds
	}
	var b strings.Builder
	fmt.Fprintf(&b, "packets %d, bytes %d, flows %d, alerts %d, rules %d loaded %d refused, %s, %.0f packets/s\n",
		s.Packets, s.Bytes, s.Flows, s.Alerts, s.Loaded, s.Refused, since(s.Elapsed), rate)
	if len(s.rules) > 0 {
		fmt.Fprintf(&b, "rules that alerted: %d", s.ruleCount)
		if len(s.rules) < s.ruleCount {
			fmt.Fprintf(&b, ", the first %d", len(s.rules))
		}
		b.WriteString("\n")
		for _, r := range s.rules {
			fmt.Fprintf(&b, "%8d  [%s] %s\n", r.alerts, r.id, r.msg)
		}
	}
	if len(s.protocols) > 0 {
		fmt.Fprintf(&b, "flows by protocol: %s\n", strings.Join(s.protocols, ", "))
	}
	if s.eveFile != "" && s.eveFile != "-" {
		fmt.Fprintf(&b, "%d EVE records in %s\n", s.records, s.eveFile)
	}
	if s.store != nil {
		fmt.Fprintf(&b, "files kept in %s: %d written, %d known already, %d not kept (incomplete, too large, or faster than the disk)\n",
			s.storeDir, s.store.Written, s.store.Known, s.store.Refused)
		if s.store.Failed > 0 {
			fmt.Fprintf(&b, "%d files could not be written to %s: look at its space and rights\n", s.store.Failed, s.storeDir)
		}
	}
	if s.evidence != nil {
		fmt.Fprintf(&b, "evidence in %s: %d files written, %d alerts share another's file, %d could not be kept (too many at once, or the disk)\n",
			s.evidenceDir, s.evidence.Written, s.evidence.Joined, s.evidence.Refused+s.evidence.Lost+s.evidence.Failed)
	}
	s.troubles(&b)
	_, _ = io.WriteString(w, b.String()) // nobody to tell
}

// troubles says what was not seen, and why.
func (s *Summary) troubles(b *strings.Builder) {
	for _, name := range s.CutOff {
		fmt.Fprintf(b, "%s ends inside a packet: the file is cut off; everything before was read\n", name)
	}
	if s.filtered > 0 {
		fmt.Fprintf(b, "%d packets were left out by the filter\n", s.filtered)
	}
	if s.kernelDrops > 0 {
		fmt.Fprintf(b, "%d packets were dropped by the kernel before they could be read: give more --workers or a narrower --filter\n", s.kernelDrops)
	}
	if s.Invalid > 0 {
		fmt.Fprintf(b, "%d packets could not be decoded\n", s.Invalid)
	}
	if len(s.malformed) > 0 {
		names := slices.SortedFunc(maps.Keys(s.malformed), func(x, y string) int {
			return cmp.Or(cmp.Compare(s.malformed[y], s.malformed[x]), cmp.Compare(x, y))
		})
		for i, name := range names {
			names[i] = fmt.Sprintf("%s %d", name, s.malformed[name])
		}
		fmt.Fprintf(b, "oddities in packets: %s\n", strings.Join(names, ", "))
	}
	if s.evicted > 0 {
		fmt.Fprintf(b, "%d flows were let go early because the flow table was full\n", s.evicted)
	}
	if s.txLost > 0 {
		fmt.Fprintf(b, "%d transactions were let go early because their flow had too many open\n", s.txLost)
	}
	if s.BadChecksum > 0 {
		fmt.Fprintf(b, "%d TCP segments with a wrong checksum were not used; if the capture was taken on a host that leaves checksums to its card, "+
			"give --checksum-validation=false\n", s.BadChecksum)
	}
}
