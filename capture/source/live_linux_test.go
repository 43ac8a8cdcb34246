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

func TestLiveRefusals(t *testing.T) {
	if err := CheckInterface("no-such-if0"); err == nil || !strings.Contains(err.Error(), "no such interface; there are lo") {
		t.Errorf("absent interface: %v", err)
	}
}

// TestLiveLoopback captures a datagram on the loopback interface, once and not twice.
func TestLiveLoopback(t *testing.T) {
	if err := CheckInterface("lo"); errors.Is(err, ErrRights) {
		if !strings.Contains(err.Error(), "setcap") {
			t.Errorf("the error does not say what to do: %v", err)
		}
		if os.Getenv("CI") != "" {
			t.Fatal("in CI there is the right to capture")
		}
		t.Skip("no right to capture here")
	} else if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s := AFPacket("lo", LiveOptions{RingBytes: 4 << 20})
	mark, end := []byte("fengsui live test"), []byte("fengsui live end")
	seen := 0
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			if n == 3 {
				_, _ = conn.Write(mark)
			} else if n > 5 {
				_, _ = conn.Write(end)
			}
		}
	}()
	err = s.Run(ctx, func(f *Frame) error {
		if bytes.Contains(f.Data, mark) && f.Data[12] == 8 && f.Data[23] == 17 { // the UDP datagram, not the ICMP answer
			seen++
		}
		if bytes.Contains(f.Data, end) {
			cancel()
		}
		return nil
	})
	cancel()
	<-done
	if err != nil || seen != 1 {
		t.Errorf("%v, the datagram was seen %d times", err, seen)
	}
	if s.Counters().Frames == 0 {
		t.Error("nothing was counted")
	}
}
