package detect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// readState reads a data set kept by an earlier run; the name is a rule's, so it may not lead out of the folder. A set that was never kept is empty.
func readState(dir, name string) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer root.Close() //nolint:errcheck // opened for reading only
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	text, err := io.ReadAll(io.LimitReader(f, dataFileBytesMax))
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return text, nil
}

// saveState writes the data sets whose rules ask for it, each beside its old form first and then in its place.
func (j *job) saveState() error {
	if j.s.state == "" || j.names == nil {
		return nil
	}
	if err := os.MkdirAll(j.s.state, 0o750); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	root, err := os.OpenRoot(j.s.state)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	defer root.Close() //nolint:errcheck // files in it are closed and checked one by one
	err = j.names.SaveDatasets(func(name string, text []byte) error {
		if dir := filepath.Dir(name); dir != "." {
			if err := root.MkdirAll(dir, 0o750); err != nil {
				return err
			}
		}
		if err := root.WriteFile(name+".new", text, 0o640); err != nil {
			return err
		}
		return root.Rename(name+".new", name)
	})
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}
