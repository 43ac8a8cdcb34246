package cluster

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fengsui/federation/fsm"

	"go.etcd.io/bbolt"
)

// TestKilledAtRandomMoments kills a site of one node with SIGKILL at random moments of a
// proposal burst with snapshots, again and again on the same directory. Every command
// the child had reported as acknowledged is there once, under the number it reported.
func TestKilledAtRandomMoments(t *testing.T) {
	if dir := os.Getenv("CLUSTER_TEST_CRASH"); dir != "" {
		crashChild(t, dir)
		return
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	acked := map[[16]byte]uint64{}
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		killChild(t, dir, round, rng.IntN(300), rng.IntN(500), acked)
		s := &site{t: t, net: newNetwork(t)}
		m := &member{site: s, name: "n1", dir: dir}
		s.nodes = []*member{m}
		m.start(false)
		s.leader().persist(record(uint64(round))) // everything in the log has been applied
		holds(t, m.recorded(), acked)
		m.halt()
	}
	t.Logf("%d commands acknowledged before %d kills", len(acked), rounds)
}

// killChild lets a child report lines acknowledgements and some time more, and kills it.
func killChild(t *testing.T, dir string, round, lines, spins int, acked map[[16]byte]uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledAtRandomMoments$")
	cmd.Env = append(os.Environ(), "CLUSTER_TEST_CRASH="+dir, "CLUSTER_TEST_ROUND="+strconv.Itoa(round))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	read := func() bool {
		if !in.Scan() {
			return false
		}
		var n, number uint64
		if text, ok := strings.CutPrefix(in.Text(), "acked "); !ok {
			t.Logf("child: %s", in.Text())
		} else if _, err := fmt.Sscan(text, &n, &number); err == nil { // the last line may be cut
			acked[id(n)] = number
		}
		return true
	}
	for i := range lines + 1 {
		if !read() {
			t.Fatalf("the child ended by itself after %d lines: %v", i, cmd.Wait())
		}
	}
	x := 0
	for i := range spins * 20_000 {
		x += i
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for read() {
	}
	if err := cmd.Wait(); err == nil {
		t.Fatalf("killed child ended well (%d)", x)
	}
}

// crashChild proposes for ever from four goroutines and takes a snapshot now and then.
func crashChild(t *testing.T, dir string) {
	round, err := strconv.ParseUint(os.Getenv("CLUSTER_TEST_ROUND"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, net: newNetwork(t)}
	m := &member{site: s, name: "n1", dir: dir}
	s.nodes = []*member{m}
	s.tune = func(c *Config) { c.TrailingBytes = 1 }
	m.start(true)
	s.leader()
	lines := make(chan string)
	for w := range uint64(4) {
		go func() {
			for n := (round+1)*1_000_000_000 + w*100_000_000; ; n++ {
				r, err := m.cluster.Propose(context.Background(), record(n))
				if err != nil {
					lines <- "propose: " + err.Error()
					return
				}
				lines <- fmt.Sprintf("acked %d %d", n, binary.BigEndian.Uint64(r[0].Value))
			}
		}()
	}
	for n := 0; ; n++ {
		fmt.Println(<-lines)
		if n%100 == 99 {
			go func() {
				if err := m.cluster.Snapshot(); err != nil {
					lines <- "snapshot: " + err.Error()
				}
			}()
		}
	}
}

// TestFullDiskOfANode fills a small file system under one node: it stops with a clear
// error, loses nothing, and goes on when there is space.
func TestFullDiskOfANode(t *testing.T) {
	dir := os.Getenv("CLUSTER_TEST_DISK")
	if dir == "" {
		inTinyFileSystem(t, "TestFullDiskOfANode", "CLUSTER_TEST_DISK")
		return
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 12<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, net: newNetwork(t)}
	// The watch over free space would refuse before anything fails; here it may not.
	s.tune = func(c *Config) { c.FreeBytesMin = 1 }
	m := &member{site: s, name: "n1", dir: dir}
	s.nodes = []*member{m}
	m.start(true)
	s.leader()
	body := make([]byte, 100<<10)
	var acked []uint64
	var n uint64
	for ; ; n++ {
		_, err := m.cluster.Propose(s.ctx(), fsm.Command{Kind: kindFill, ID: id(n), Body: body})
		if err != nil {
			if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrClosed) && !errors.Is(err, ErrNoLeader) {
				t.Fatalf("proposing on a full disk: %v", err)
			}
			break
		}
		if acked = append(acked, n); len(acked) > 1000 {
			t.Fatal("the disk does not fill")
		}
	}
	err := m.stopped()
	if err == nil || !strings.Contains(err.Error(), "bytes free") && !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "nothing accepted is lost") {
		t.Fatalf("Run returned %v", err)
	}
	t.Logf("after %d commands: %v", len(acked), err)
	m.halt()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	m.start(false)
	s.leader().persist(fsm.Command{Kind: kindFill, ID: id(n), Body: body}) // the caller's retry
	err = m.cluster.Read(s.ctx(), Leader, func(tx *bbolt.Tx) error {
		for _, n := range append(acked, n) {
			key := id(n)
			if tx.Bucket([]byte("ids")).Get(key[:]) == nil {
				return fmt.Errorf("command %d is lost", n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m.halt()
	t.Log("full disk survived")
}
