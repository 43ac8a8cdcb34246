package cluster

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// inTinyFileSystem runs a test again in a child with a mount namespace of its own, where
// the directory named by the environment variable is a file system of 48 MiB.
func inTinyFileSystem(t *testing.T, name, variable string) {
	t.Helper()
	dir := t.TempDir()
	script := `mount -t tmpfs -o size=48m tmpfs "$0" || { echo "cannot mount"; exit 0; }; exec "$@"`
	cmd := exec.Command("/bin/sh", "-c", script, dir, os.Args[0], "-test.run=^"+name+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+dir)
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
	case bytes.Contains(out, []byte("cannot mount")):
		t.Skipf("this machine allows no mounts in a user namespace: %s", out)
	case !bytes.Contains(out, []byte("full disk survived")):
		t.Fatalf("the child did not run to its end:\n%s", out)
	}
	t.Logf("%s", out)
}
