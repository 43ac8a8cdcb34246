package detect

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"fengsui/analyze/alert"
	"fengsui/analyze/signature"
	"fengsui/capture/eve"
)

// refusalsListed is how many refused rules are listed one by one without being asked for.
const refusalsListed = 20

// appendAlert appends an alert as a line of text, or of EVE.
func appendAlert(line []byte, a *alert.Alert, asJSON bool) ([]byte, error) {
	if !asJSON {
		return fmt.Appendf(line, "%s  [%d:%d:%d] %s  [priority %d]  %s%s %s -> %s\n", a.Time.UTC().Format("2006-01-02T15:04:05.000000Z"),
			a.GID, a.SID, a.Rev, a.Msg, a.Severity, a.Proto, appText(a), a.Src, a.Dst), nil
	}
	line, err := a.AppendEVE(line)
	return append(line, '\n'), err
}

func appText(a *alert.Alert) string {
	if a.AppProto == "" || a.AppProto == "failed" {
		return ""
	}
	return "/" + a.AppProto
}

// eveAlert is an alert as package eve takes it.
func eveAlert(a *alert.Alert) eve.Alert {
	extra := append(make([]byte, 0, 80), `{"id":"`...)
	extra = hex.AppendEncode(extra, a.ID[:])
	extra = append(extra, `","detector":`...)
	extra = strconv.AppendQuote(extra, a.Detector)
	return eve.Alert{
		Time: a.Time, Action: a.Action, GID: a.GID, SID: a.SID, Rev: a.Rev, Signature: a.Msg, Category: a.Class, Severity: a.Severity,
		Metadata: a.Metadata, Src: a.Src, Dst: a.Dst, TxID: a.TxID, HasTx: a.HasTx, Extra: append(extra, '}'),
	}
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

// ruleCount is how often a rule alerted.
type ruleCount struct {
	id     string // gid:sid:rev
	msg    string
	alerts uint64
}

// topRules lists the rules that alerted most. Rules that a reload has taken away have no text any more.
func (j *job) topRules() (list []ruleCount, all int) {
	hits := j.eng.Hits()
	wanted := map[[2]uint32]int{}
	for _, h := range hits[:min(len(hits), j.s.top)] {
		wanted[[2]uint32{h.Rule.GID, h.Rule.SID}] = len(list)
		list = append(list, ruleCount{id: fmt.Sprintf("%d:%d", h.Rule.GID, h.Rule.SID), alerts: h.Alerts})
	}
	j.set.Load().Rules(func(m *signature.Meta) {
		if i, ok := wanted[[2]uint32{m.GID, m.SID}]; ok {
			list[i].id, list[i].msg = fmt.Sprintf("%d:%d:%d", m.GID, m.SID, m.Rev), m.Msg
		}
	})
	return list, len(hits)
}

// since is a run's length for people.
func since(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
