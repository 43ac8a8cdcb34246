//go:build libpcap

package source

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestLibpcapLoopback captures a datagram on the loopback interface through libpcap, chosen by its own filter.
func TestLibpcapLoopback(t *testing.T) {
	if err := CheckInterface("lo"); errors.Is(err, ErrRights) {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI there is the right to capture")
		}
		t.Skip("no right to capture here")
	}
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s := Libpcap("lo", LiveOptions{RingBytes: 4 << 20, Filter: "udp dst port 9"})
	mark := []byte("through libpcap")
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticks := time.NewTicker(20 * time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				_, _ = conn.Write(mark) // nobody listens, so a write may fail: the next one goes out
			}
		}
	}()
	seen, other := 0, 0
	err = s.Run(ctx, func(f *Frame) error {
		if len(f.Data) == 0 {
			return nil
		}
		if bytes.Contains(f.Data, mark) {
			if seen++; seen == 3 {
				cancel()
			}
		} else {
			other++
		}
		return nil
	})
	cancel()
	<-done
	if err != nil || seen < 3 || other > 0 || s.Counters().Frames < 3 {
		t.Errorf("%v, seen %d, others %d, %+v", err, seen, other, s.Counters())
	}
	if err := Libpcap("lo", LiveOptions{Filter: "tcp prot 80"}).Run(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "filter") {
		t.Errorf("a wrong filter: %v", err)
	}
}
