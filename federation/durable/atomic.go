package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// WriteFile replaces path with data so that a crash leaves the old content or the new,
// never a mixture: it writes a temporary file in the same directory, flushes it,
// renames it over path and flushes the directory. perm is set exactly, whatever the
// umask. On an error path is untouched and the temporary file is removed.
func WriteFile(path string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("creating a temporary file for %s: %w", path, err)
	}
	tmp := f.Name()
	defer func() {
		if err != nil {
			err = errors.Join(err, Remove(tmp))
		}
	}()
	if err := fill(f, data, perm); err != nil {
		return fmt.Errorf("writing %s: %w", path, errors.Join(err, f.Close()))
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("closing the temporary file of %s: %w", path, err)
	}
	return Replace(tmp, path)
}

func fill(f *os.File, data []byte, perm fs.FileMode) error {
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// Replace renames from to to and flushes the directory, so that the rename survives a
// crash. The caller has flushed the content of from already. Both must lie in the same
// directory: across directories one flush would not be enough.
func Replace(from, to string) error {
	if filepath.Dir(from) != filepath.Dir(to) {
		return fmt.Errorf("replacing %s by %s: not in the same directory", to, from)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("replacing %s: %w", to, err)
	}
	return SyncDir(filepath.Dir(to))
}

// Move renames a file or directory to another directory of the same file system and
// flushes both directories. The target must not exist.
func Move(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("moving %s: %s: %w", from, to, fs.ErrExist)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("moving %s: %w", from, err)
	}
	return errors.Join(SyncDir(filepath.Dir(to)), SyncDir(filepath.Dir(from)))
}

// Remove deletes path; a path that is not there is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	return nil
}

// EnsureDir creates dir and its missing parents with perm and flushes the parent, so
// that a file made in it later cannot lose its directory in a crash.
func EnsureDir(dir string, perm fs.FileMode) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("creating directory %s: a file of that name is in the way", dir)
		}
		return nil
	}
	if err := os.MkdirAll(dir, perm); err != nil {
		return fmt.Errorf("creating directory %s: %w", dir, err)
	}
	return SyncDir(filepath.Dir(filepath.Clean(dir)))
}

// SyncDir flushes the entries of dir: names created, renamed or removed in it before
// the call survive a crash after it. File systems that cannot flush a directory
// (EINVAL, ENOTSUP) are taken as having nothing to flush.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("flushing directory %s: %w", dir, err)
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("flushing directory %s: %w", dir, err)
	}
	return nil
}
