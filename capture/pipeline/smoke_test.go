package pipeline

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"fengsui/capture/source"
)

func TestSmoke(t *testing.T) {
	fs, _ := filepath.Glob("../../../shared/data/pcaps/*.pcap*")
	for _, f := range fs {
		w := New(Config{IgnoreChecksums: true}, nil, nil)
		err := w.Run(context.Background(), source.PcapFile(f, source.FileOptions{}))
		s := w.Stats()
		fmt.Println(filepath.Base(f), err, s.Packets, s.Flows.Created, s.Flows.TCP, s.Flows.UDP, s.Flows.ICMP, s.Flows.ICMPv6, s.InvalidBy(), s.Stream)
	}
}
