package config

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// masked stands for what a dump does not show.
const masked = "(set, not shown)"

// Dump writes the settings in force as YAML, each marked with where it came from: given or default. What points at a secret is
// masked, so that a dump can be sent to whoever helps.
func (c *Config) Dump(w io.Writer) error {
	var b strings.Builder
	section := ""
	for _, k := range keys() {
		if k.path == "capture.home_net" {
			c.dumpSources(&b)
			section = "capture"
		}
		name := k.path
		if s, rest, nested := strings.Cut(k.path, "."); nested {
			if s != section {
				b.WriteString(s + ":\n")
			}
			section, name = s, "  "+rest
		} else {
			section = ""
		}
		origin := "default"
		if slices.Contains(c.given, k.path) {
			origin = "given"
		}
		value := dumpValue(k.ptr(c))
		if value == `""` {
			fmt.Fprintf(&b, "# %s: not set\n", name)
			continue
		}
		if k.path == "passphrase_file" && c.PassphraseFile != "" {
			value = quote(masked)
		}
		fmt.Fprintf(&b, "%s: %s # %s\n", name, value, origin)
	}
	c.dumpZones(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Config) dumpZones(b *strings.Builder) {
	if len(c.Zones) == 0 {
		b.WriteString("zones: [] # default\n")
		return
	}
	b.WriteString("zones: # given\n")
	for _, z := range c.Zones {
		var members []string
		for _, n := range z.Networks {
			members = append(members, fmt.Sprintf("%q", n))
		}
		for _, v := range z.VLANs {
			members = append(members, fmt.Sprintf("%q", fmt.Sprintf("vlan:%d", v)))
		}
		for _, v := range z.VNIs {
			members = append(members, fmt.Sprintf("%q", fmt.Sprintf("vni:%d", v)))
		}
		fmt.Fprintf(b, "  - name: %q\n    kind: %q\n    members: [%s]\n", z.Name, z.Kind, strings.Join(members, ", "))
	}
}

func (c *Config) dumpSources(b *strings.Builder) {
	b.WriteString("capture:\n")
	if len(c.Capture) == 0 {
		b.WriteString("  sources: [] # default\n")
		return
	}
	b.WriteString("  sources: # given\n")
	for _, s := range c.Capture {
		if s.Interface != "" {
			fmt.Fprintf(b, "    - name: %q\n      interface: %q\n", s.Name, s.Interface)
			fmt.Fprintf(b, "      workers: %d\n      snaplen: %d\n      ring: %s\n      promiscuous: %t\n", s.Workers, s.SnapLen, formatSize(s.RingBytes), s.Promiscuous)
		} else {
			fmt.Fprintf(b, "    - name: %q\n      pcap: %q\n      speed: %g\n      repeat: %d\n", s.Name, s.Pcap, s.Speed, s.Repeat)
		}
		if s.Filter != "" {
			fmt.Fprintf(b, "      filter: %q\n", s.Filter)
		}
	}
}

func dumpValue(p any) string {
	switch v := p.(type) {
	case *string:
		return fmt.Sprintf("%q", *v)
	case *bool:
		return fmt.Sprint(*v)
	case *int:
		return fmt.Sprint(*v)
	case *int64:
		return formatSize(*v)
	case *float64:
		return fmt.Sprintf("%g", *v)
	case *time.Duration:
		return v.String()
	case *[]string:
		quoted := make([]string, len(*v))
		for i, s := range *v {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case *map[string]string:
		names := make([]string, 0, len(*v))
		for name := range *v {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			names[i] = fmt.Sprintf("%s: %q", name, (*v)[name])
		}
		return "{" + strings.Join(names, ", ") + "}"
	}
	return "?"
}
