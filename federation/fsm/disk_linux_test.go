package fsm_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fengsui/federation/fsm"
	"fengsui/federation/fsm/fsmtest"

	"github.com/hashicorp/raft"
)

// TestFullDisk runs itself in a mount namespace with a tiny file system and fills it: the
// state machine must stop with a clear error, keep its state, and go on after a restart
// once there is space.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("FSM_TEST_DISK"); dir != "" {
		onTinyDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "FSM_TEST_DISK="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC):
		t.Skipf("this machine allows no user namespaces: %v", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skipf("%s", out)
	case !bytes.Contains(out, []byte("full disk survived")):
		t.Fatalf("the child did not run to its end:\n%s", out)
	}
}

func onTinyDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("cannot mount a tiny file system: %v", err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := fsm.Open(dir, []fsm.Spec{kvSpec()})
	if err != nil {
		t.Fatal(err)
	}
	reference := fsmtest.Open(t, kvSpec())
	var logs []*raft.Log
	var fatal *fsm.FatalError
	for i := 0; fatal == nil; i++ {
		if i > 200 {
			t.Fatal("the disk does not fill")
		}
		l := fsmtest.Entry(t, uint64(i)+1, put("key"+strings.Repeat("k", i), strings.Repeat("v", 50_000)))
		logs = append(logs, l)
		if err, bad := f.ApplyBatch([]*raft.Log{l})[0].(error); bad {
			if !errors.As(err, &fatal) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "nothing accepted is lost") {
				t.Fatalf("full disk reported as %v", err)
			}
		} else {
			reference.ApplyBatch([]*raft.Log{l})
		}
	}
	if fsmtest.Hash(t, f) != fsmtest.Hash(t, reference) {
		t.Fatal("the state is not what had been applied")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if f, err = fsm.Open(dir, []fsm.Spec{kvSpec()}); err != nil {
		t.Fatal(err)
	}
	f.ApplyBatch(logs) // raft replays the log
	reference.ApplyBatch(logs)
	if f.Err() != nil || fsmtest.Hash(t, f) != fsmtest.Hash(t, reference) {
		t.Fatalf("after making space: %v", f.Err())
	}

	// A restore that runs out of space leaves the state and the state machine as they were.
	big := fsmtest.Open(t, kvSpec())
	for i := range 30 {
		fsmtest.Apply(t, big, put(strings.Repeat("b", i+1), strings.Repeat("v", 200_000)))
	}
	err = f.Restore(io.NopCloser(bytes.NewReader(fsmtest.Snapshot(t, big))))
	if !errors.Is(err, syscall.ENOSPC) || f.Err() != nil || fsmtest.Hash(t, f) != fsmtest.Hash(t, reference) {
		t.Fatalf("restore on a full disk: %v, state machine %v", err, f.Err())
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	t.Log("full disk survived")
}
