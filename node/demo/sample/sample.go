// Package sample is the traffic the demo replays and what its province answers with: a capture made from real stacks
// (make-sample.sh, traffic.py), rules written for it, an indicator list and a block list. All of it is ours and invented:
// documentation addresses, reserved names, attacks that hit nothing. Nothing here changes at run time.
package sample

import _ "embed"

//go:embed county.pcap.gz
var capture []byte

//go:embed demo.rules
var rules []byte

//go:embed indicators.txt
var indicators []byte

//go:embed blocklist.txt
var blockList []byte

// Capture is the capture file, gzip-compressed pcap. Callers must not change it.
func Capture() []byte { return capture }

// Rules is the rule set, as Suricata rules. Callers must not change it.
func Rules() []byte { return rules }

// Indicators is the indicator list. Callers must not change it.
func Indicators() []byte { return indicators }

// BlockList is the block list, one address or prefix a line. Callers must not change it.
func BlockList() []byte { return blockList }
