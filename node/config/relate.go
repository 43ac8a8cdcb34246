package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// required reports settings without default that were not given, leaving out those already complained about.
func required(c *Config, name string, already []Problem) []Problem {
	var out []Problem
	for _, k := range []struct{ path, value, hint string }{
		{"site", c.Site, "add the GB/T 2260 code of this site, such as `site: 440106`"},
		{"node", c.Node, "add the name of this node, such as `node: n1`"},
		{"data", c.Data, "add the data directory, such as `data: /var/lib/fengsui`"},
	} {
		told := slices.ContainsFunc(already, func(p Problem) bool { return p.Key == k.path || p.Key == "" || p.Key == envName(k.path) })
		if k.value == "" && !told {
			out = append(out, Problem{File: name, Key: k.path, Text: "is not given", Hint: k.hint})
		}
	}
	return out
}

// relate checks settings against each other.
func relate(c *Config, name string) []Problem {
	out := required(c, name, nil)
	add := func(key, text, hint string) {
		out = append(out, Problem{File: name, Key: key, Text: text, Hint: hint})
	}
	if listen, err := netip.ParseAddrPort(c.Listen); err == nil && c.Advertise == "" && listen.Addr().IsUnspecified() {
		add("advertise", "is not given although listen is "+c.Listen, "add the one address other nodes reach, such as `advertise: 10.20.0.11:7400`")
	}
	if c.Enforce.Mode == EnforceOff && c.Enforce.Namespace == NamespacePrivate {
		add("enforce.namespace", "is private, which has no meaning while enforce.mode is off", "set enforce.mode to nftables or remove enforce.namespace")
	}
	if c.Governor.Upward > 0 && c.Governor.Link == 0 {
		add("governor.upward", "is a share of a link whose bandwidth is not given", "add governor.link in Mbit/s, such as `link: 100`")
	}
	if c.Files.Store == "" && (c.Files.StoreBytes > 0 || c.Files.StoreFiles > 0) {
		add("files.store", "is not given although its size is", "add the directory, or remove the sizes")
	}
	if e := c.Evidence; e.Dir == "" && e != (Evidence{}) {
		add("evidence.dir", "is not given although limits of evidence are", "add the directory, or remove the limits")
	}
	seen := map[string]int{}
	for i, s := range c.Capture {
		if s.Interface == "" {
			continue
		}
		if first, again := seen[s.Interface]; again {
			add(fmt.Sprintf("%s[%d]", sourcesPath, i), fmt.Sprintf("interface %s is already source %d", s.Interface, first), "remove one of them")
		}
		seen[s.Interface] = i
	}
	return out
}

// envName is the variable that overrides a key: log.level becomes FENGSUI_LOG_LEVEL.
func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}
