package signature

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"fengsui/analyze/signature/inspect"
	"fengsui/analyze/signature/number"
	"fengsui/analyze/signature/rule"
)

func dataKeywords() map[string]keyword {
	return map[string]keyword{
		"dataset": {value: valueNeeded, parse: optDataset},
		"datarep": {value: valueNeeded, parse: optDatarep},
		"entropy": {value: valueNeeded, parse: optEntropy},
	}
}

// datasetMax bounds what rules may add to a data set while packets flow.
const datasetMax = 1 << 20

// dataset is a set of values that rules ask about and may change. It is shared by all workers.
type dataset struct {
	kind   string
	mu     sync.RWMutex
	values map[string]uint16 // with the reputation, for datarep
}

func (d *dataset) has(value []byte) (uint16, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	rep, ok := d.values[string(value)]
	return rep, ok
}

// add tells whether the value is new.
func (d *dataset) add(value []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.values[string(value)]; ok || len(d.values) >= datasetMax {
		return false
	}
	d.values[string(value)] = 0
	return true
}

func (d *dataset) remove(value []byte) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.values[string(value)]
	delete(d.values, string(value))
	return ok
}

// dataSize is how long the values of a type are; 0 for any length.
func dataSize(kind string) (int, bool) {
	switch kind {
	case "string":
		return 0, true
	case "md5":
		return 16, true
	case "sha256":
		return 32, true
	}
	return 0, false
}

// dataOptions reads "type string", "load file" and the rest.
func dataOptions(words []string) (kind, load string, err error) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, " ")
		value = strings.TrimSpace(value)
		switch name {
		case "type":
			if _, ok := dataSize(value); !ok {
				return "", "", atOffset(0, "type %q is not string, md5 or sha256", value)
			}
			kind = value
		case "load":
			load = value
		case "memcap", "hashsize":
		case "save", "state":
			return "", "", atOffset(0, "%s is not supported: sets are not written back to files", name)
		default:
			return "", "", atOffset(0, "%q is not known", name)
		}
	}
	return kind, load, nil
}

// openDataset finds or loads the data set of a name.
func (b *builder) openDataset(name, kind, load string, scored bool) (*dataset, error) {
	if name == "" {
		return nil, atOffset(0, "data set has no name")
	}
	if have := b.c.datasets[name]; have != nil {
		if kind != "" && kind != have.kind {
			return nil, atOffset(0, "data set %s has the type %s elsewhere", name, have.kind)
		}
		return have, nil
	}
	if kind == "" {
		return nil, atOffset(0, "data set %s has no type", name)
	}
	d := &dataset{kind: kind, values: map[string]uint16{}}
	if load != "" {
		if b.c.opt.ReadFile == nil {
			return nil, atOffset(0, "files named in rules cannot be read here")
		}
		text, err := b.c.opt.ReadFile(b.out.File, load)
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", load, err)
		}
		if err := d.load(string(text), scored); err != nil {
			return nil, fmt.Errorf("load %s: %w", load, err)
		}
	}
	b.c.datasets[name] = d
	return d, nil
}

// load reads one value a line: base64 for strings, hexadecimal for digests; then, if scored, a comma and a number.
func (d *dataset) load(text string, scored bool) error {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		value, score, hasScore := strings.Cut(line, ",")
		var raw []byte
		var err error
		if d.kind == "string" {
			raw, err = base64.StdEncoding.DecodeString(value)
		} else {
			raw, err = hex.DecodeString(value)
			if size, _ := dataSize(d.kind); err == nil && len(raw) != size {
				err = fmt.Errorf("%d bytes, want %d", len(raw), size)
			}
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		var rep uint64
		if scored {
			if !hasScore {
				return fmt.Errorf("line %d: no score", i+1)
			}
			if rep, err = strconv.ParseUint(strings.TrimSpace(score), 10, 16); err != nil {
				return fmt.Errorf("line %d: score %q is no number", i+1, score)
			}
		}
		d.values[string(raw)] = uint16(rep)
	}
	return nil
}

func optDataset(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 2 {
		return atOffset(0, "want dataset:command,name[,type …][,load …]")
	}
	if b.cur.buffer == nil {
		return atOffset(0, "dataset needs a sticky buffer before it")
	}
	kind, load, err := dataOptions(parts[2:])
	if err != nil {
		return err
	}
	command, name := parts[0], parts[1]
	switch command {
	case "isset", "isnotset", "set", "unset":
	default:
		return atOffset(0, "%q is not isset, isnotset, set or unset", command)
	}
	d, err := b.openDataset(name, kind, load, false)
	if err != nil {
		return err
	}
	size, _ := dataSize(d.kind)
	b.addStep(&inspect.Check{Test: func(data []byte) bool {
		if size > 0 && len(data) != size {
			return false
		}
		switch command {
		case "set":
			return d.add(data)
		case "unset":
			return d.remove(data)
		}
		_, ok := d.has(data)
		return ok == (command == "isset")
	}}, false)
	return nil
}

// optDatarep reads datarep:name,operator,score[,type …][,load …].
func optDatarep(b *builder, o rule.Option) error {
	parts := split(o.Value)
	if len(parts) < 3 {
		return atOffset(0, "want datarep:name,operator,score[,load file][,type …]")
	}
	if b.cur.buffer == nil {
		return atOffset(0, "datarep needs a sticky buffer before it")
	}
	cond, err := number.Parse(parts[1]+parts[2], 65535)
	if err != nil {
		return err
	}
	kind, load, err := dataOptions(parts[3:])
	if err != nil {
		return err
	}
	d, err := b.openDataset(parts[0], kind, load, true)
	if err != nil {
		return err
	}
	b.addStep(&inspect.Check{Test: func(data []byte) bool {
		rep, ok := d.has(data)
		return ok && cond.Match(uint64(rep))
	}}, false)
	return nil
}

// floatTest compares with one or two bounds.
type floatTest func(v float64) bool

func parseFloatTest(text string) (floatTest, error) {
	text = strings.TrimSpace(text)
	op := ""
	for _, p := range []string{"!=", "<=", ">=", "!", "<", ">", "="} {
		if rest, ok := strings.CutPrefix(text, p); ok {
			op, text = p, strings.TrimSpace(rest)
			break
		}
	}
	low, high, ranged := strings.Cut(text, "-")
	lo, err := strconv.ParseFloat(strings.TrimSpace(low), 64)
	if err != nil {
		return nil, atOffset(0, "%q is no number", low)
	}
	if ranged {
		hi, err := strconv.ParseFloat(strings.TrimSpace(high), 64)
		if err != nil || hi <= lo || op != "" && op[0] != '!' {
			return nil, atOffset(0, "range %q is not in order", text)
		}
		negated := op != ""
		return func(v float64) bool { return (v > lo && v < hi) != negated }, nil
	}
	switch op {
	case "!=", "!":
		return func(v float64) bool { return v != lo }, nil
	case "<":
		return func(v float64) bool { return v < lo }, nil
	case "<=":
		return func(v float64) bool { return v <= lo }, nil
	case ">":
		return func(v float64) bool { return v > lo }, nil
	case ">=":
		return func(v float64) bool { return v >= lo }, nil
	}
	return func(v float64) bool { return v == lo }, nil
}

// optEntropy reads entropy:[bytes N,][offset N,]value test: Shannon's entropy in bits a byte.
func optEntropy(b *builder, o rule.Option) error {
	var test floatTest
	var size, offset uint64
	for _, word := range split(o.Value) {
		name, value, _ := strings.Cut(word, " ")
		var err error
		switch name {
		case "bytes":
			size, err = parseUint(strings.TrimSpace(value), 1<<31)
		case "offset":
			offset, err = parseUint(strings.TrimSpace(value), 1<<31)
		case "value":
			test, err = parseFloatTest(value)
		default:
			err = atOffset(0, "%q is not bytes, offset or value", name)
		}
		if err != nil {
			return err
		}
	}
	if test == nil || b.cur.buffer == nil {
		return atOffset(0, "want a sticky buffer before it and a value")
	}
	b.addStep(&inspect.Check{Test: func(data []byte) bool {
		if offset > uint64(len(data)) {
			return false
		}
		data = data[offset:]
		if size > 0 && size < uint64(len(data)) {
			data = data[:size]
		}
		return test(entropy(data))
	}}, false)
	return nil
}

func entropy(data []byte) float64 {
	if len(data) == 0 {
		return 0
	}
	var counts [256]int
	for _, c := range data {
		counts[c]++
	}
	e, n := 0.0, float64(len(data))
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / n
			e -= p * math.Log2(p)
		}
	}
	return e
}

// unsupported are keywords of Suricata that are refused here, with the reason an operator reads. Never written.
var unsupported = map[string]string{
	"lua": "scripts in rules are not run", "luajit": "scripts in rules are not run", "luaxform": "scripts in rules are not run",
	"replace": "packets are never rewritten", "rpc": "the ONC RPC header is not parsed", "geoip": "no location data are loaded",
	"asn1": "ASN.1 is not decoded", "ftpbounce": "FTP commands are not parsed in this build", "filestore": "files are not stored",
	"filemagic":  "file types are not told in this build",
	"file.magic": "file types are not told in this build", "frame": "frames are not tracked in this build",
	"stream_reassembly": "is no keyword of rules", "config": "rules do not change the engine's settings",
}

// unsupportedFamilies are the beginnings of keywords of protocols that are not parsed yet. Never written.
var unsupportedFamilies = []string{
	"ssh", "smtp", "email", "mime", "ftp", "smb", "dcerpc", "dce_", "krb5", "mqtt", "modbus", "dnp3", "enip", "cip_service", "nfs_",
	"ntp", "dhcp", "snmp", "sip", "sdp", "ike", "ldap", "quic", "rfb", "websocket", "http2", "tftp", "telnet", "rdp", "pgsql", "mdns",
}

func unsupportedReason(name string) string {
	if reason, ok := unsupported[name]; ok {
		return reason
	}
	for _, family := range unsupportedFamilies {
		if strings.HasPrefix(name, family) {
			return strings.TrimRight(family, "_") + " is not parsed in this build"
		}
	}
	return "keyword is not supported"
}
