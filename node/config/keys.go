package config

import (
	"time"

	"fengsui/capture/zone"
)

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
		{path: "zones_file", doc: "file with more zones, a line each", ptr: func(c *Config) any { return &c.ZonesFile }, check: checkNotEmpty, file: true},
		{path: "files.digests", doc: "computed over files: md5, sha1, sha256, sm3", ptr: func(c *Config) any { return &c.Files.Digests }, check: oneOf("md5", "sha1", "sha256", "sm3")},
		{path: "files.keep", doc: "first bytes of a file that rules look at; 0 = default", ptr: func(c *Config) any { return &c.Files.KeepBytes }},
		{path: "files.store", doc: "directory for files that rules ask to keep", ptr: func(c *Config) any { return &c.Files.Store }, check: checkNotEmpty, file: true},
		{path: "files.store_bytes", doc: "size of that directory; 0 = default", ptr: func(c *Config) any { return &c.Files.StoreBytes }},
		{path: "files.store_files", doc: "files in that directory; 0 = default", ptr: func(c *Config) any { return &c.Files.StoreFiles }},
		{path: "evidence.dir", doc: "directory for the packets of each alert", ptr: func(c *Config) any { return &c.Evidence.Dir }, check: checkNotEmpty, file: true},
		{path: "evidence.bytes", doc: "size of that directory; 0 = default", ptr: func(c *Config) any { return &c.Evidence.Bytes }},
		{path: "evidence.files", doc: "files in that directory; 0 = default", ptr: func(c *Config) any { return &c.Evidence.Files }},
		{path: "evidence.ring", doc: "recent packets in memory, for each worker; 0 = default", ptr: func(c *Config) any { return &c.Evidence.RingBytes }},
		{path: "evidence.before", doc: "time kept before an alert; 0 = default", ptr: func(c *Config) any { return &c.Evidence.Before }},
		{path: "evidence.after", doc: "time kept after an alert; 0 = default", ptr: func(c *Config) any { return &c.Evidence.After }},
		{path: "evidence.cut", doc: "size of one alert's packets; 0 = default", ptr: func(c *Config) any { return &c.Evidence.CutBytes }},
		{path: "governor.cpu", doc: "percent of all processors this process may use; 0 = no limit", ptr: func(c *Config) any { return &c.Governor.CPU }},
		{path: "governor.memory", doc: "percent of the machine's memory; 0 = no limit", ptr: func(c *Config) any { return &c.Governor.Memory }},
		{path: "governor.link", doc: "bandwidth of the link upward in Mbit/s; 0 = not known", ptr: func(c *Config) any { return &c.Governor.Link }},
		{path: "governor.upward", doc: "percent of that link uploads may use; 0 = no limit", ptr: func(c *Config) any { return &c.Governor.Upward }},
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
		{path: "filter", doc: "tcpdump expression: what it refuses is not looked at", ptr: func(s *Capture) any { return &s.Filter }, check: checkFilter},
		{path: "workers", doc: "rings and goroutines that share the interface; 0 = limits.workers", ptr: func(s *Capture) any { return &s.Workers }},
		{path: "snaplen", doc: "bytes kept of a frame; 0 = default", ptr: func(s *Capture) any { return &s.SnapLen }},
		{path: "ring", doc: "memory shared with the kernel, for each worker; 0 = default", ptr: func(s *Capture) any { return &s.RingBytes }},
		{path: "promiscuous", doc: "also what is not addressed to this machine", ptr: func(s *Capture) any { return &s.Promiscuous }},
	}
}

// zonesPath is the other one.
const zonesPath = "zones"

// zoneEntry is a zone as it is written.
type zoneEntry struct {
	name, kind string
	members    []string
}

func zoneKeys() []key[zoneEntry] {
	return []key[zoneEntry]{
		{path: "name", doc: "what the zone is called in events", ptr: func(z *zoneEntry) any { return &z.name }, check: zone.CheckName},
		{path: "kind", doc: "boundary, management, in-vpc or inter-vpc", ptr: func(z *zoneEntry) any { return &z.kind }, check: oneOf("boundary", "management", "in-vpc", "inter-vpc")},
		{path: "members", doc: "networks, vlan:N and vni:N", ptr: func(z *zoneEntry) any { return &z.members }, check: checkMember},
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
	case "limits.workers", "workers":
		return bound{0, 1024}, true
	case "snaplen":
		return bound{0, 262144}, true
	case "ring":
		return bound{0, 1 << 32}, true
	case "files.keep":
		return bound{0, 64 << 20}, true
	case "files.store_bytes", "evidence.bytes":
		return bound{0, 1 << 50}, true
	case "files.store_files", "evidence.files":
		return bound{0, 10_000_000}, true
	case "evidence.ring":
		return bound{0, 1 << 34}, true
	case "evidence.cut":
		return bound{0, 1 << 28}, true
	case "evidence.before", "evidence.after":
		return bound{0, float64(time.Hour)}, true
	case "governor.cpu", "governor.memory", "governor.upward":
		return bound{0, 100}, true
	case "governor.link":
		return bound{0, 1_000_000}, true
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
	for _, k := range zoneKeys() {
		out = append(out, Key{zonesPath + "[]." + k.path, "", k.doc})
	}
	return out
}
