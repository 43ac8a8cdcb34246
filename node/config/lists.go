package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"fengsui/capture/zone"
)

// names lists the keys a section of a list may hold.
func names[T any](fields []key[T]) []string {
	out := make([]string, len(fields))
	for i, k := range fields {
		out[i] = k.path
	}
	return out
}

// sources reads the list of capture sources.
func (r *reader) sources(n ast.Node) {
	if n == nil || n.Type() == ast.NullType {
		return
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.add(n, sourcesPath, "is "+kindOf(n)+", want a list", "start each source with a dash, such as `- interface: eth1`")
		return
	}
	fields := sourceKeys()
	for i, item := range list.Values {
		path := fmt.Sprintf("%s[%d]", sourcesPath, i)
		values, ok := r.mapping(item, path)
		if !ok {
			continue
		}
		s := Capture{Speed: 1, Repeat: 1, Promiscuous: true}
		for _, v := range values {
			name, ok := r.keyName(v, path+".")
			if !ok {
				continue
			}
			j := slices.IndexFunc(fields, func(k key[Capture]) bool { return k.path == name })
			if j < 0 {
				r.unknown(v.Key, path+"."+name, names(fields))
				continue
			}
			setField(r, fields[j], path+"."+name, &s, v.Value)
		}
		_, pcap := r.seen[path+".pcap"]
		_, iface := r.seen[path+".interface"]
		if pcap == iface {
			r.add(item, path, "wants exactly one of pcap and interface", "")
		}
		only, of, not := []string{"workers", "snaplen", "ring", "promiscuous"}, "interface", "pcap"
		if iface {
			only, of, not = []string{"speed", "repeat"}, "pcap", "interface"
		}
		for _, name := range only {
			if _, given := r.seen[path+"."+name]; given && pcap != iface {
				r.add(item, path+"."+name, "belongs to "+of+", not to "+not, "remove it")
			}
		}
		if s.Name == "" {
			s.Name = cmp.Or(s.Interface, filepath.Base(s.Pcap))
		}
		r.config.Capture = append(r.config.Capture, s)
	}
}

// zones reads the list of zones.
func (r *reader) zones(n ast.Node) {
	if n == nil || n.Type() == ast.NullType {
		return
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		r.add(n, zonesPath, "is "+kindOf(n)+", want a list", "start each zone with a dash, such as `- name: office`")
		return
	}
	fields := zoneKeys()
	before := len(r.problems)
	var zones []zone.Zone
	for i, item := range list.Values {
		path := fmt.Sprintf("%s[%d]", zonesPath, i)
		values, ok := r.mapping(item, path)
		if !ok {
			continue
		}
		var e zoneEntry
		for _, v := range values {
			name, ok := r.keyName(v, path+".")
			if !ok {
				continue
			}
			j := slices.IndexFunc(fields, func(k key[zoneEntry]) bool { return k.path == name })
			if j < 0 {
				r.unknown(v.Key, path+"."+name, names(fields))
				continue
			}
			setField(r, fields[j], path+"."+name, &e, v.Value)
		}
		for _, k := range fields {
			if _, given := r.seen[path+"."+k.path]; !given {
				r.add(item, path, k.path+" is not given", "")
			}
		}
		z := zone.Zone{Name: e.name}
		z.Kind, _ = zone.ParseKind(e.kind) // a wrong kind was reported
		for _, m := range e.members {
			z.Member(m) // and so was a wrong member
		}
		zones = append(zones, z)
		// Each zone is tried with those before it, so that a conflict is reported where it begins.
		if len(r.problems) == before {
			if _, err := zone.New(zones); err != nil {
				r.add(item, path, err.Error(), "")
			}
		}
	}
	r.config.Zones = zones
}
