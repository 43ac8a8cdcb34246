package detect

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature"
	"fengsui/capture/pipeline"
)

// refusalsListed is how many refused rules are listed one by one without being asked for.
const refusalsListed = 20

// Summary is what a run amounted to.
type Summary struct {
	Packets, Bytes, Flows, Alerts uint64
	Loaded, Refused               int
	Elapsed                       time.Duration
	Invalid, BadChecksum          uint64
	CutOff                        []string // captures that end inside a packet
}

func (s *Summary) take(st pipeline.Stats, elapsed time.Duration) {
	s.Packets, s.Bytes, s.Flows, s.Elapsed = st.Packets, st.Bytes, st.Flows.Created, elapsed
	s.Invalid, s.BadChecksum = st.Invalid, st.BadChecksum
}

func (s *Summary) print(w io.Writer) {
	seconds := s.Elapsed.Seconds()
	rate := 0.0
	if seconds > 0 {
		rate = float64(s.Packets) / seconds
	}
	fmt.Fprintf(w, "packets %d, bytes %d, flows %d, alerts %d, rules %d loaded %d refused, %.3f s, %.0f packets/s\n",
		s.Packets, s.Bytes, s.Flows, s.Alerts, s.Loaded, s.Refused, seconds, rate)
	for _, name := range s.CutOff {
		fmt.Fprintf(w, "%s ends inside a packet: the file is cut off; everything before was read\n", name)
	}
	if s.Invalid > 0 {
		fmt.Fprintf(w, "%d packets could not be decoded\n", s.Invalid)
	}
	if s.BadChecksum > 0 {
		fmt.Fprintf(w, "%d TCP segments with a wrong checksum were not used; if the capture was taken on a host that leaves checksums to its card, "+
			"give --checksum-validation=false\n", s.BadChecksum)
	}
}

// printer writes alerts as EVE lines or for people.
func printer(out io.Writer, asJSON bool) func(*alert.Alert) error {
	var line []byte
	return func(a *alert.Alert) error {
		var err error
		line = line[:0]
		if asJSON {
			if line, err = a.AppendEVE(line); err != nil {
				return err
			}
		} else {
			line = fmt.Appendf(line, "%s  [%d:%d:%d] %s  [priority %d]  %s%s %s -> %s", a.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
				a.GID, a.SID, a.Rev, a.Msg, a.Severity, a.Proto, appText(a), a.Src, a.Dst)
		}
		line = append(line, '\n')
		if _, err = out.Write(line); err != nil {
			return fmt.Errorf("writing alerts: %w", err)
		}
		return nil
	}
}

func appText(a *alert.Alert) string {
	if a.AppProto == "" || a.AppProto == "failed" {
		return ""
	}
	return "/" + a.AppProto
}

// printRefusals lists refused rules: each of them when they are few or asked for, else a table by keyword.
func printRefusals(w io.Writer, refusals []signature.Refusal, all bool) {
	if len(refusals) == 0 {
		return
	}
	if all || len(refusals) <= refusalsListed {
		for _, r := range refusals {
			fmt.Fprintf(w, "refused %s:%d:%d: sid %d: %s%s\n", r.File, r.Line, r.Column, r.SID, keywordText(r.Keyword), r.Reason)
		}
		return
	}
	counts := map[string]int{}
	first := map[string]signature.Refusal{}
	for _, r := range refusals {
		if counts[r.Keyword]++; counts[r.Keyword] == 1 {
			first[r.Keyword] = r
		}
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	fmt.Fprintf(w, "refused rules by keyword (--refused lists each):\n")
	for _, name := range names {
		r := first[name]
		fmt.Fprintf(w, "%6d  %-22s first: %s:%d: %s\n", counts[name], cmp.Or(name, "(form)"), r.File, r.Line, r.Reason)
	}
}

func keywordText(keyword string) string {
	if keyword == "" {
		return ""
	}
	return keyword + ": "
}
