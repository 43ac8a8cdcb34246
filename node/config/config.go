package config

import (
	"path/filepath"
	"time"

	"fengsui/capture/zone"
)

// Config is everything a node is told from outside. The zero value is not usable; Load and Default make one.
type Config struct {
	Path string // file it was read from, absolute; "" when made without a file

	Site           string    // GB/T 2260 code of the site this node serves, such as 440106
	Name           string    // what people call the site; the code when not given
	Node           string    // name of this node, unique inside the site, n1..n7 by custom
	Data           string    // data directory, absolute
	Listen         string    // UDP address for everything between nodes
	Advertise      string    // UDP address other nodes reach this one at; "" = the address bound
	Parent         Parent    // the site above
	PassphraseFile string    // file whose first line opens this node's private key; "" = key is not encrypted
	Capture        []Capture // capture.sources: where frames come from

	HomeNet            string            // capture.home_net: HOME_NET in the rule language, such as [10.0.0.0/8,192.168.0.0/16]
	ExternalNet        string            // capture.external_net: EXTERNAL_NET in the rule language
	Vars               map[string]string // capture.vars: further address and port variables for rules, such as HTTP_PORTS: "[80,8080]"
	ChecksumValidation bool              // capture.checksum_validation: leave packets with wrong checksums out of streams
	FoldWindow         time.Duration     // capture.fold_window: repeats of one alert inside this time become a count

	Zones     []zone.Zone // zones: the parts of the network, for telling north-south from east-west
	ZonesFile string      // zones_file: more zones, in the text form of capture/zone; "" = none
	Files     Files       // what is computed over and kept of files seen on the wire
	Evidence  Evidence    // packets kept for each alert
	Governor  Governor    // what a probe may use of the machine it runs on

	Enforce Enforce  // what this node may block
	Metrics Metrics  // Prometheus and health over HTTP
	Log     Log      // the node's own log
	Limits  Limits   // upper bounds
	given   []string // key paths that did not come from defaults, for Dump
}

// Parent says how to reach the site above.
type Parent struct {
	Via []string // UDP addresses tried instead of those the parent announces (a relay, a translated address); empty = as announced
}

// Capture is one place frames come from. Exactly one of Pcap and Interface is set.
type Capture struct {
	Name      string  // what the source is called in the log and metrics; the interface or the file's base name when not given
	Pcap      string  // file (pcap, pcapng, or either compressed with gzip), absolute
	Speed     float64 // 1 = as captured, 2 = twice as fast, 0 = as fast as possible
	Repeat    int     // passes over the file, at least 1
	Interface string  // network interface, live; needs CAP_NET_RAW

	Filter      string // tcpdump expression; what it refuses is not looked at
	Workers     int    // of an interface: rings and goroutines that share its traffic; 0 = limits.workers
	SnapLen     int    // of an interface: bytes kept of a frame; 0 = all
	RingBytes   int64  // of an interface: memory shared with the kernel, for each worker; 0 = 32 MiB
	Promiscuous bool   // of an interface: also what is not addressed to this machine
}

// Files says what is computed over files and whether whole files are kept.
type Files struct {
	Digests    []string // md5, sha1, sha256, sm3; indicators of other kinds of digest match nothing
	KeepBytes  int64    // files.keep: first bytes looked at by rules; 0 = 100 KiB
	Store      string   // files.store: directory for files that rules ask to keep; "" = none are kept
	StoreBytes int64    // files.store_bytes: of that directory; 0 = 2 GiB
	StoreFiles int      // files.store_files: in that directory; 0 = 100000
}

// Evidence says what packets are kept for each alert. A zero field takes the default of capture/evidence.
type Evidence struct {
	Dir       string        // evidence.dir: directory of the pcapng files; "" = none are kept
	Bytes     int64         // evidence.bytes: of that directory, oldest files go first
	Files     int           // evidence.files: in that directory
	RingBytes int64         // evidence.ring: recent packets in memory, for each worker
	Before    time.Duration // evidence.before: packet time kept before an alert
	After     time.Duration // evidence.after: and after it
	CutBytes  int64         // evidence.cut: of one alert's packets
}

// Governor bounds what this process uses; 0 is no limit.
type Governor struct {
	CPU    float64 // governor.cpu: percent of all processors
	Memory float64 // governor.memory: percent of the machine's memory
	Link   int     // governor.link: bandwidth of the link upward, Mbit/s
	Upward float64 // governor.upward: percent of that link
}

// Modes of Enforce.Mode and Enforce.Namespace.
const (
	EnforceOff      = "off"      // block lists are refused, with the reason
	EnforceNftables = "nftables" // block lists become nftables sets and drop rules; needs CAP_NET_ADMIN

	NamespaceHost    = "host"    // the network namespace the process was started in
	NamespacePrivate = "private" // a fresh, empty network namespace: rehearsals, containers, the demo
)

// Enforce says whether and where block lists are put into force.
type Enforce struct {
	Mode      string // EnforceOff or EnforceNftables
	Namespace string // NamespaceHost or NamespacePrivate
}

// Metrics says where Prometheus metrics and the health page are served.
type Metrics struct {
	Listen string // TCP address; "" = not served
}

// Log says how the node writes its own log, on standard error.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text or json
}

// Limits are upper bounds; 0 means the default of the part that enforces it, where what happens beyond it is said.
type Limits struct {
	Workers    int   // goroutines that inspect packets
	AlertQueue int   // alerts waiting to be committed
	SpoolBytes int64 // limits.spool: disk for alerts that wait for a quorum
}

// FileName is what a node's configuration is called inside its data directory.
const FileName = "fengsui.yaml"

// SocketName is the local socket inside the data directory over which the command line talks to the node.
const SocketName = "fengsui.sock"

// Socket is the path of the node's local socket.
func (c *Config) Socket() string { return filepath.Join(c.Data, SocketName) }

// Default returns the settings an empty file stands for. Site, Node and Data have no default.
func Default() *Config {
	return &Config{
		Listen:             "0.0.0.0:7400",
		HomeNet:            "[10.0.0.0/8,172.16.0.0/12,192.168.0.0/16]",
		ExternalNet:        "!$HOME_NET",
		Vars:               map[string]string{},
		ChecksumValidation: true,
		FoldWindow:         time.Minute,
		Files:              Files{Digests: []string{"md5", "sha256", "sm3"}},
		Enforce:            Enforce{Mode: EnforceOff, Namespace: NamespaceHost},
		Log:                Log{Level: "info", Format: "text"},
	}
}
