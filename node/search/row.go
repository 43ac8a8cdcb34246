package search

import (
	"net/netip"
	"strconv"
	"time"
)

// Row is what an expression can ask about one alert.
type Row struct {
	Site, Sensor    string
	Class           string
	ID              string
	Time, Detected  time.Time
	Detector        string
	SID, GID, Rev   uint64
	Msg, Category   string
	Severity        uint64
	Proto, AppProto string
	Src, Dst        netip.AddrPort
	FlowID          uint64
	Action          string
	Indicator       string
	Count           uint64
	Metadata        map[string][]string
}

type fieldKind uint8

const (
	kindText fieldKind = iota + 1
	kindNumber
	kindAddr
	kindTime
)

// field is one name an expression may use. Exactly one getter is set, by kind; a field may have two values (ip, port).
type field struct {
	kind   fieldKind
	text   func(*Row) string
	number func(*Row) (uint64, uint64)
	addr   func(*Row) (netip.Addr, netip.Addr)
	time   func(*Row) time.Time
}

func text(get func(*Row) string) field { return field{kind: kindText, text: get} }
func number(get func(*Row) uint64) field {
	return field{kind: kindNumber, number: func(r *Row) (uint64, uint64) { v := get(r); return v, v }}
}

func addr(get func(*Row) netip.Addr) field {
	return field{kind: kindAddr, addr: func(r *Row) (netip.Addr, netip.Addr) { v := get(r); return v, v }}
}

// fields maps every name to how it is read. Never written after the package is loaded.
var fields = map[string]field{
	"site":      text(func(r *Row) string { return r.Site }),
	"sensor":    text(func(r *Row) string { return r.Sensor }),
	"class":     text(func(r *Row) string { return r.Class }),
	"id":        text(func(r *Row) string { return r.ID }),
	"detector":  text(func(r *Row) string { return r.Detector }),
	"msg":       text(func(r *Row) string { return r.Msg }),
	"category":  text(func(r *Row) string { return r.Category }),
	"proto":     text(func(r *Row) string { return r.Proto }),
	"app_proto": text(func(r *Row) string { return r.AppProto }),
	"action":    text(func(r *Row) string { return r.Action }),
	"indicator": text(func(r *Row) string { return r.Indicator }),
	"sid":       number(func(r *Row) uint64 { return r.SID }),
	"gid":       number(func(r *Row) uint64 { return r.GID }),
	"rev":       number(func(r *Row) uint64 { return r.Rev }),
	"severity":  number(func(r *Row) uint64 { return r.Severity }),
	"flow_id":   number(func(r *Row) uint64 { return r.FlowID }),
	"count":     number(func(r *Row) uint64 { return r.Count }),
	"src_port":  number(func(r *Row) uint64 { return uint64(r.Src.Port()) }),
	"dest_port": number(func(r *Row) uint64 { return uint64(r.Dst.Port()) }),
	"port": {kind: kindNumber, number: func(r *Row) (uint64, uint64) {
		return uint64(r.Src.Port()), uint64(r.Dst.Port())
	}},
	"src_ip":   addr(func(r *Row) netip.Addr { return r.Src.Addr().Unmap() }),
	"dest_ip":  addr(func(r *Row) netip.Addr { return r.Dst.Addr().Unmap() }),
	"ip":       {kind: kindAddr, addr: func(r *Row) (netip.Addr, netip.Addr) { return r.Src.Addr().Unmap(), r.Dst.Addr().Unmap() }},
	"time":     {kind: kindTime, time: func(r *Row) time.Time { return r.Time }},
	"detected": {kind: kindTime, time: func(r *Row) time.Time { return r.Detected }},
}

// haystack lists the texts a lone word is looked for in.
func haystack(r *Row) [5]string {
	return [5]string{r.Msg, r.Category, r.Indicator, r.Site, r.Sensor}
}

// parseInstant reads RFC 3339, a date, or now with an optional offset.
func parseInstant(v string, now time.Time) (time.Time, bool) {
	if len(v) >= 3 && v[:3] == "now" {
		rest := v[3:]
		if rest == "" {
			return now, true
		}
		if rest[0] != '-' && rest[0] != '+' {
			return time.Time{}, false
		}
		d, ok := parseSpan(rest[1:])
		if !ok {
			return time.Time{}, false
		}
		if rest[0] == '-' {
			d = -d
		}
		return now.Add(d), true
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, v, now.Location()); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// parseSpan reads a duration as Go writes it, and whole days as 7d.
func parseSpan(v string) (time.Duration, bool) {
	if n := len(v); n > 1 && v[n-1] == 'd' {
		days, err := strconv.ParseUint(v[:n-1], 10, 16)
		return time.Duration(days) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(v)
	return d, err == nil && d >= 0
}
