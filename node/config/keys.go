package config

import "time"

// key describes one setting: where it stands in the file, what it means, where its value goes, and what values are good.
// ptr returns a pointer whose type decides the form: *string, *bool, *int, *int64 (a size), *float64, *time.Duration,
// *[]string, *map[string]string.
type key[T any] struct {
	path  string
	doc   string
	ptr   func(*T) any
	check func(text string) string // "" or what is wrong and what to do; called for each text of a string or list
	file  bool                     // the value names a file: relative names are relative to the configuration file
}

func keys() []key[Config] {
	return []key[Config]{
		{path: "site", doc: "GB/T 2260 code of the site this node serves", ptr: func(c *Config) any { return &c.Site }, check: checkSite},
		{path: "name", doc: "what people call the site", ptr: func(c *Config) any { return &c.Name }, check: checkName},
		{path: "node", doc: "name of this node inside its site", ptr: func(c *Config) any { return &c.Node }, check: checkNode},
		{path: "data", doc: "data directory", ptr: func(c *Config) any { return &c.Data }, check: checkNotEmpty, file: true},
		{path: "listen", doc: "UDP address for everything between nodes", ptr: func(c *Config) any { return &c.Listen }, check: checkListen},
		{path: "advertise", doc: "UDP address other nodes reach this one at", ptr: func(c *Config) any { return &c.Advertise }, check: checkReachable},
		{path: "parent.via", doc: "UDP addresses of the parent site to use instead of the announced ones", ptr: func(c *Config) any { return &c.Parent.Via }, check: checkReachable},
		{path: "passphrase_file", doc: "file with the passphrase of this node's private key", ptr: func(c *Config) any { return &c.PassphraseFile }, check: checkNotEmpty, file: true},
		{path: "capture.home_net", doc: "HOME_NET of rules", ptr: func(c *Config) any { return &c.HomeNet }, check: checkNotEmpty},
		{path: "capture.external_net", doc: "EXTERNAL_NET of rules", ptr: func(c *Config) any { return &c.ExternalNet }, check: checkNotEmpty},
		{path: "capture.vars", doc: "further variables of rules", ptr: func(c *Config) any { return &c.Vars }, check: checkNotEmpty},
		{path: "capture.checksum_validation", doc: "leave packets with wrong checksums out of streams", ptr: func(c *Config) any { return &c.ChecksumValidation }},
		{path: "capture.fold_window", doc: "repeats of one alert inside this time become a count", ptr: func(c *Config) any { return &c.FoldWindow }},
		{path: "enforce.mode", doc: "off or nftables", ptr: func(c *Config) any { return &c.Enforce.Mode }, check: oneOf(EnforceOff, EnforceNftables)},
		{path: "enforce.namespace", doc: "host or private", ptr: func(c *Config) any { return &c.Enforce.Namespace }, check: oneOf(NamespaceHost, NamespacePrivate)},
		{path: "metrics.listen", doc: "TCP address for Prometheus metrics and health", ptr: func(c *Config) any { return &c.Metrics.Listen }, check: checkMetrics},
		{path: "log.level", doc: "debug, info, warn or error", ptr: func(c *Config) any { return &c.Log.Level }, check: oneOf("debug", "info", "warn", "error")},
		{path: "log.format", doc: "text or json", ptr: func(c *Config) any { return &c.Log.Format }, check: oneOf("text", "json")},
		{path: "limits.workers", doc: "goroutines that inspect packets; 0 = by the number of cores", ptr: func(c *Config) any { return &c.Limits.Workers }},
		{path: "limits.alert_queue", doc: "alerts waiting to be committed; 0 = default", ptr: func(c *Config) any { return &c.Limits.AlertQueue }},
		{path: "limits.spool", doc: "disk for alerts that wait for a quorum; 0 = default", ptr: func(c *Config) any { return &c.Limits.SpoolBytes }},
	}
}

// sourcesPath is the one key that holds a list of sections.
const sourcesPath = "capture.sources"

func sourceKeys() []key[Capture] {
	return []key[Capture]{
		{path: "name", doc: "what the source is called", ptr: func(s *Capture) any { return &s.Name }, check: checkName},
		{path: "pcap", doc: "capture file to replay", ptr: func(s *Capture) any { return &s.Pcap }, check: checkNotEmpty, file: true},
		{path: "speed", doc: "1 = as captured, 0 = as fast as possible", ptr: func(s *Capture) any { return &s.Speed }},
		{path: "repeat", doc: "passes over the file", ptr: func(s *Capture) any { return &s.Repeat }},
		{path: "interface", doc: "network interface to watch", ptr: func(s *Capture) any { return &s.Interface }, check: checkInterface},
	}
}

// Bounds of the numbers, by key path; what is not listed may be anything its form allows.
type bound struct{ min, max float64 }

func bounds(path string) (bound, bool) {
	switch path {
	case "speed":
		return bound{0, 1000}, true
	case "repeat":
		return bound{1, 1_000_000}, true
	case "limits.workers":
		return bound{0, 1024}, true
	case "limits.alert_queue":
		return bound{0, 10_000_000}, true
	case "limits.spool":
		return bound{0, 1 << 50}, true
	case "capture.fold_window":
		return bound{0, float64(24 * time.Hour)}, true
	}
	return bound{}, false
}

// secretKeys are keys people try to write secrets under, with what to write instead.
var secretKeys = map[string]string{
	"passphrase": "passphrase_file",
	"password":   "passphrase_file",
	"secret":     "passphrase_file",
	"key":        "passphrase_file",
	"token":      "fengsui node init --invite FILE",
}

// Key names one setting for documentation and for command-line flags.
type Key struct {
	Path string // such as log.level
	Env  string // such as FENGSUI_LOG_LEVEL; "" for settings only a file can hold
	Doc  string
}

// Keys lists every key a file may hold, in the order of the example.
func Keys() []Key {
	var out []Key
	for _, k := range keys() {
		out = append(out, Key{k.path, envName(k.path), k.doc})
	}
	for _, k := range sourceKeys() {
		out = append(out, Key{sourcesPath + "[]." + k.path, "", k.doc})
	}
	return out
}
