package wire

import "fmt"

// Check implements Checker. Relays never call it: to them a payload is opaque.
func (m *Alert) Check() error {
	err := first(
		checkLen("id", m.GetId(), IDBytes),
		checkName("detector", m.GetDetector()),
		checkIP("src_ip", m.GetSrcIp()),
		checkIP("dest_ip", m.GetDestIp()),
		checkMost("src_port", int(m.GetSrcPort()), 65535),
		checkMost("dest_port", int(m.GetDestPort()), 65535),
		checkMost("vlan", len(m.GetVlan()), 8),
		checkMost("metadata", len(m.GetMetadata()), AlertLabelsMax),
		checkMost("references", len(m.GetReferences()), AlertLabelsMax),
		checkMost("techniques", len(m.GetTechniques()), AlertLabelsMax),
		checkSiteOrEmpty("origin", m.GetOrigin()),
	)
	if err != nil {
		return err
	}
	if n := len(m.Folds); n != 0 && n != IDBytes {
		return malformed("folds", "%d bytes, want 0 or %d", n, IDBytes)
	}
	return nil
}

func checkIP(field string, ip []byte) error {
	switch len(ip) {
	case 0, 4, 16:
		return nil
	}
	return &Error{Code: CodeMalformed, Text: fmt.Sprintf("%s: %d bytes, want 4 or 16", field, len(ip))}
}
