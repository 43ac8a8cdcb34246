package signature

import (
	"net/netip"
	"strings"
	"time"

	"fengsui/analyze/signature/address"
	"fengsui/analyze/signature/track"
)

// suppression silences a rule, for some addresses or for all.
type suppression struct {
	by  string // "", by_src, by_dst, by_either
	set *address.Set
}

func (s *suppression) covers(src, dst netip.Addr) bool {
	switch s.by {
	case "by_src":
		return s.set.Contains(src)
	case "by_dst":
		return s.set.Contains(dst)
	case "by_either":
		return s.set.Contains(src) || s.set.Contains(dst)
	}
	return true
}

// rate is a rate_filter: it changes a rule's action while the rule matches too often.
type rate struct {
	spec    track.Spec
	timeout time.Duration
	action  Action
}

// configLine is one line of a threshold.config, read.
type configLine struct {
	gid, sid  uint32 // sid 0: all of the gid; gid 0: all
	threshold *track.Spec
	rate      *rate
	suppress  *suppression
}

// applyThresholds reads the threshold file and attaches its lines to the rules they name. A line that cannot be honoured is refused by itself.
func (c *compiler) applyThresholds(sigs []*sig) []Refusal {
	var refusals []Refusal
	for i, text := range joinedLines(c.opt.Thresholds) {
		if text = strings.TrimSpace(text); text == "" || text[0] == '#' {
			continue
		}
		line, err := c.configLine(text)
		if err != nil {
			word, _, _ := strings.Cut(text, " ")
			refusals = append(refusals, Refusal{File: c.opt.ThresholdName, Line: i + 1, Column: 1, Keyword: word, Reason: err.Error()})
			continue
		}
		for _, s := range sigs {
			if line.gid != 0 && s.GID != line.gid || line.sid != 0 && s.SID != line.sid {
				continue
			}
			switch {
			case line.suppress != nil:
				s.suppress = append(s.suppress, *line.suppress)
			case line.rate != nil:
				s.rate = append(s.rate, *line.rate)
			case line.sid == 0 && (len(s.thresholds) > 0 || s.filter != nil):
				// A line for all rules leaves those alone that have their own.
			default:
				s.thresholds = []track.Spec{*line.threshold}
			}
		}
	}
	return refusals
}

// joinedLines cuts text into lines; a line that goes on after a backslash stands whole at its first place.
func joinedLines(text string) []string {
	lines := strings.Split(text, "\n")
	for i := len(lines) - 2; i >= 0; i-- {
		line := strings.TrimRight(lines[i], " \t\r")
		if strings.HasSuffix(line, `\`) && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines[i] = line[:len(line)-1] + lines[i+1]
			lines[i+1] = ""
		}
	}
	return lines
}

// splitOutside cuts at commas that are in no brackets.
func splitOutside(text string) []string {
	var parts []string
	depth, from := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	return append(parts, strings.TrimSpace(text[from:]))
}

func (c *compiler) configLine(text string) (configLine, error) {
	var line configLine
	command, rest, _ := strings.Cut(text, " ")
	words := splitOutside(rest)
	var own []string // words for the threshold itself
	var suppress suppression
	var r rate
	for _, word := range words {
		name, value, _ := strings.Cut(word, " ")
		value = strings.TrimSpace(value)
		switch {
		case name == "gen_id" || name == "gid":
			n, err := parseUint(value, 1<<32-1)
			if err != nil {
				return line, err
			}
			line.gid = uint32(n)
		case name == "sig_id" || name == "sid":
			n, err := parseUint(value, 1<<32-1)
			if err != nil {
				return line, err
			}
			line.sid = uint32(n)
		case command == "suppress" && name == "track":
			suppress.by = value
		case command == "suppress" && name == "ip":
			set, err := c.addresses.set(value)
			if err != nil {
				return line, err
			}
			suppress.set = set
		case command == "rate_filter" && name == "timeout":
			n, err := parseUint(value, 1<<31)
			if err != nil {
				return line, err
			}
			r.timeout = time.Duration(n) * time.Second
		case command == "rate_filter" && name == "new_action":
			action, ok := map[string]Action{"alert": Alert, "drop": Drop, "pass": Pass, "reject": Reject}[value]
			if !ok {
				return line, atOffset(0, "new_action %q is not alert, drop, pass or reject", value)
			}
			r.action = action
		default:
			own = append(own, word)
		}
	}
	return c.finishLine(line, command, own, suppress, r)
}

func (c *compiler) finishLine(line configLine, command string, own []string, suppress suppression, r rate) (configLine, error) {
	switch command {
	case "suppress":
		switch suppress.by {
		case "":
		case "by_src", "by_dst", "by_either":
			if suppress.set == nil {
				return line, atOffset(0, "suppress with track needs ip")
			}
		default:
			return line, atOffset(0, "track %q is not by_src, by_dst or by_either", suppress.by)
		}
		if len(own) > 0 {
			return line, atOffset(0, "%q is not known in suppress", own[0])
		}
		line.suppress = &suppress
	case "threshold", "event_filter":
		spec, err := parseThreshold(own, true)
		if err != nil {
			return line, err
		}
		line.threshold = &spec
	case "rate_filter":
		spec, err := parseThreshold(own, false)
		if err != nil {
			return line, err
		}
		r.spec = spec
		line.rate = &r
	default:
		return line, atOffset(0, "%q is not suppress, threshold, event_filter or rate_filter", command)
	}
	return line, nil
}
