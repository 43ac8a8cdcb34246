package signature

import (
	"strings"
	"time"

	"fengsui/analyze/signature/rule"
	"fengsui/analyze/signature/track"
)

func thresholdKeywords() map[string]keyword {
	return map[string]keyword{
		"threshold":        {value: valueNeeded, parse: optThreshold, addressOK: true},
		"detection_filter": {value: valueNeeded, parse: optDetectionFilter, addressOK: true},
	}
}

// trackWords say what a threshold counts per. Never written.
var trackWords = map[string]track.By{
	"by_src": track.BySource, "by_dst": track.ByDestination, "by_both": track.ByBoth, "by_rule": track.ByRule, "by_flow": track.ByFlow,
}

// thresholdKinds are the types of threshold. Never written.
var thresholdKinds = map[string]track.Kind{
	"limit": track.Limit, "threshold": track.Threshold, "both": track.Both, "backoff": track.Backoff,
}

// parseThreshold reads the words that threshold, detection_filter and threshold.config share.
func parseThreshold(words []string, needType bool) (spec track.Spec, err error) {
	seen := map[string]bool{}
	whole := 3
	if needType {
		whole = 4
	}
	for _, word := range words {
		name, value, _ := strings.Cut(strings.TrimSpace(word), " ")
		value = strings.TrimSpace(value)
		if len(seen) == whole { // what stands behind the last part is not read, as in Suricata
			break
		}
		if len(seen) == whole-1 {
			value, _, _ = strings.Cut(value, " ")
		}
		if seen[name] {
			return spec, atOffset(0, "%s stands twice", name)
		}
		seen[name] = true
		var n uint64
		switch name {
		case "type":
			kind, ok := thresholdKinds[value]
			if !ok {
				return spec, atOffset(0, "type %q is not limit, threshold, both or backoff", value)
			}
			spec.Kind = kind
		case "track":
			by, ok := trackWords[value]
			if !ok {
				return spec, atOffset(0, "track %q is not by_src, by_dst, by_both, by_rule or by_flow", value)
			}
			spec.By = by
		case "count":
			if n, err = parseUint(value, 1<<32-1); err != nil || n == 0 {
				return spec, atOffset(0, "count %q is no number above 0", value)
			}
			spec.Count = uint32(n)
		case "seconds":
			if n, err = parseUint(value, 1<<31); err != nil || n == 0 {
				return spec, atOffset(0, "seconds %q is no number above 0", value)
			}
			spec.Window = time.Duration(n) * time.Second
		case "multiplier":
			if n, err = parseUint(value, 1<<31); err != nil || n < 2 {
				return spec, atOffset(0, "multiplier %q is no number above 1", value)
			}
			spec.Multiplier = uint32(n)
		default:
			return spec, atOffset(0, "%q is not known", name)
		}
	}
	needed := []string{"track", "count", "seconds"}
	if spec.Kind == track.Backoff {
		needed = []string{"track", "count", "multiplier"}
	}
	if needType {
		needed = append(needed, "type")
	}
	for _, name := range needed {
		if !seen[name] {
			return spec, atOffset(0, "%s is missing", name)
		}
	}
	return spec, nil
}

func optThreshold(b *builder, o rule.Option) error {
	spec, err := parseThreshold(strings.Split(o.Value, ","), true)
	if err != nil {
		return err
	}
	if len(b.out.thresholds) > 0 || b.out.filter != nil {
		return atOffset(0, "rule has a threshold already")
	}
	b.out.thresholds = append(b.out.thresholds, spec)
	return nil
}

func optDetectionFilter(b *builder, o rule.Option) error {
	spec, err := parseThreshold(strings.Split(o.Value, ","), false)
	if err != nil {
		return err
	}
	if len(b.out.thresholds) > 0 || b.out.filter != nil {
		return atOffset(0, "rule has a threshold already")
	}
	spec.Kind = track.Filter
	b.out.filter = &spec
	return nil
}
