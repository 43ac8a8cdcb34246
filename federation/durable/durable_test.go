package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestWriteFileReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, want := range []string{"first", "", "a longer third content"} {
		if err := WriteFile(path, []byte(want), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Fatalf("read %q, %v; want %q", got, err, want)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o640 {
			t.Fatalf("mode %v, %v; want 0640", info.Mode(), err)
		}
	}
	onlyFile(t, filepath.Dir(path), "file")
}

// TestWriteFileFailureLeavesOldContent makes the rename impossible: the target is a directory.
func TestWriteFileFailureLeavesOldContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "target")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Fatal("replaced a directory by a file")
	}
	onlyFile(t, dir, "target")

	if err := WriteFile(filepath.Join(dir, "no", "such", "dir"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing directory: %v", err)
	}
}

func TestWriteFileConcurrentWritersNeverMix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	contents := [][]byte{bytes.Repeat([]byte("a"), 40_000), bytes.Repeat([]byte("b"), 70_000)}
	if err := WriteFile(path, contents[0], 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, c := range contents {
		wg.Go(func() {
			for range 20 {
				if err := WriteFile(path, c, 0o600); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 {
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Fatalf("read %d bytes that nobody wrote, %v", len(got), err)
		}
	}
	wg.Wait()
	onlyFile(t, filepath.Dir(path), "file")
}

func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != name {
		t.Fatalf("directory holds %v, want only %s", entries, name)
	}
}

func TestReplaceRefusesOtherDirectory(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	if err := Replace(filepath.Join(a, "x"), filepath.Join(b, "x")); err == nil {
		t.Fatal("renamed across directories")
	}
}

func TestMove(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "sub", "b")
	if err := EnsureDir(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := EnsureDir(from, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Move(from, to); err != nil {
		t.Fatal(err)
	}
	if err := EnsureDir(from, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Move(from, to); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("moved over an existing directory: %v", err)
	}
}

func TestEnsureDirRefusesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := EnsureDir(path, 0o700); err == nil {
		t.Fatal("a file passed for a directory")
	}
}

func TestRemoveMissingIsFine(t *testing.T) {
	if err := Remove(filepath.Join(t.TempDir(), "nothing")); err != nil {
		t.Fatal(err)
	}
}

func TestLockDirSameProcess(t *testing.T) {
	dir := t.TempDir()
	release, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = LockDir(dir)
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() || inUse.Dir != dir {
		t.Fatalf("second lock: %v", err)
	}
	for range 2 {
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
	again, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
}

// TestLockDirOtherProcess holds the lock in a child, checks the message, kills the child.
func TestLockDirOtherProcess(t *testing.T) {
	if dir := os.Getenv("DURABLE_TEST_LOCK"); dir != "" {
		if _, err := LockDir(dir); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("locked\n")
		os.Stdin.Read(make([]byte, 1)) // until killed
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockDirOtherProcess$")
	cmd.Env = append(os.Environ(), "DURABLE_TEST_LOCK="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	_, err = LockDir(dir)
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != cmd.Process.Pid {
		t.Fatalf("lock held by pid %d: got %v", cmd.Process.Pid, err)
	}
	if !strings.Contains(err.Error(), dir) {
		t.Fatalf("message does not name the directory: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("killed child ended well")
	}
	release, err := LockDir(dir)
	if err != nil {
		t.Fatalf("lock survived its process: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestFreeSpace(t *testing.T) {
	n, err := FreeSpace(t.TempDir())
	if err != nil || n == 0 {
		t.Fatalf("free space %d, %v", n, err)
	}
	if _, err := FreeSpace(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("free space of nothing: %v", err)
	}
}
