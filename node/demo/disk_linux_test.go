package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fengsui/node/api"
	"fengsui/node/demo/sample"
)

// TestFullDiskLosesNothingAccepted fills a node's disk with alerts until it can take no more, makes room, and compares.
func TestFullDiskLosesNothingAccepted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process and fills a disk")
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("in CI this runs as root")
		}
		t.Skip("needs root: mounts a small disk")
	}
	disk := t.TempDir()
	size := func(flags uintptr, bytes string) {
		t.Helper()
		if err := syscall.Mount("fengsui-test", disk, "tmpfs", flags, "size="+bytes); err != nil {
			t.Fatal(err)
		}
	}
	size(0, "400m")
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	c := labConfig(t)
	c.Root = disk
	l, err := NewLab(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*chaosBudget)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	nodes, err := l.Reserve(county, "n1")
	must(err)
	n := nodes[0]
	s := &story{lab: l}
	must(s.prepare())
	must(l.Init(ctx, n, siteName(county), "", foldWindow, "capture.home_net=[10.0.0.0/8]"))
	must(n.Start(ctx))
	must(l.Whole(ctx, n))
	_, err = n.Client().IssuePolicy(ctx, api.PolicyRequest{Kind: kindRules, Name: documentName, Body: sample.Rules()})
	must(err)
	must(poll(ctx, func() (bool, error) {
		st, err := n.Client().Status(ctx)
		return st.Detection.Signatures > 0, err
	}))

	replay := func(budget time.Duration) error {
		short, stop := context.WithTimeout(ctx, budget)
		defer stop()
		_, err := s.replay(short, 1, 0)
		return err
	}
	ballast := filepath.Join(disk, "ballast")
	must(fill(ballast, takesNothingBelow+1<<20))
	var accepted []api.AlertID
	passes := 0
	for err = nil; err == nil && passes < 400; passes++ {
		if err = replay(5 * time.Second); err == nil {
			accepted, err = s.ids(ctx, n)
		}
	}
	t.Logf("%d passes were accepted, then: %v", passes-1, err)
	if err == nil {
		t.Fatalf("the disk did not fill up with %d records", len(accepted))
	}
	must(fill(ballast, 0))
	t.Logf("with no room at all: %v", replay(3*time.Second))
	for _, line := range n.LogTail() {
		t.Log(line)
	}

	must(os.Remove(ballast))
	size(syscall.MS_REMOUNT, "600m")
	if n.PID() == 0 {
		t.Logf("the node had stopped by itself: %v", l.Failure())
		must(n.Start(ctx))
	}
	must(l.Whole(ctx, n))
	roomy := time.Now()
	must(replay(time.Minute))
	t.Logf("with room again a pass took %s", time.Since(roomy))
	must(n.Kill())
	must(n.Start(ctx))
	must(l.Whole(ctx, n))
	must(replay(time.Minute))
	now, err := s.ids(ctx, n)
	must(err)
	held := map[string]bool{}
	for _, r := range now {
		if held[r.ID] {
			t.Errorf("record %s is there twice", r.ID)
		}
		held[r.ID] = true
	}
	for _, r := range accepted {
		if !held[r.ID] {
			t.Errorf("record %s was accepted and is gone", r.ID)
		}
	}
	t.Logf("%d records were accepted before the disk was full, %d are there now", len(accepted), len(now))
}

// takesNothingBelow is the free space under which a node's ledger refuses records (federation/cluster, FreeBytesMin).
const takesNothingBelow = 256 << 20

// fill appends to a file until no more than leave bytes are free on its disk.
func fill(name string, leave uint64) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, 256<<10)
	for err == nil {
		var disk syscall.Statfs_t
		if err = syscall.Fstatfs(int(f.Fd()), &disk); err == nil && disk.Bavail*uint64(disk.Bsize) <= leave {
			break
		}
		_, err = f.Write(block)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
