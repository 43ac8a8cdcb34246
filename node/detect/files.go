package detect

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fengsui/analyze/signature"
)

// Limits on what is read.
const (
	ruleFileBytesMax = 256 << 20
	dataFileBytesMax = 64 << 20
	archiveFilesMax  = 10000
)

// files are the rule files of a run, and what rules may read beside them.
type files struct {
	sources []signature.Source
	packed  map[string][]byte // files of archives by the name their rules have
}

// readRules loads every path: a rule file, a folder of *.rules, or an archive of them.
func readRules(paths []string) (*files, error) {
	f := &files{packed: map[string][]byte{}}
	for _, p := range paths {
		info, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("rules: %s does not exist", p)
		case err != nil:
			return nil, fmt.Errorf("rules: %w", err)
		case info.IsDir():
			err = f.folder(p)
		case strings.HasSuffix(p, ".tar.gz") || strings.HasSuffix(p, ".tgz"):
			err = f.archive(p)
		default:
			err = f.file(p)
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *files) file(name string) error {
	text, err := readLimited(name, ruleFileBytesMax)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	f.sources = append(f.sources, signature.Source{Name: name, Text: string(text)})
	return nil
}

func (f *files) folder(dir string) error {
	before := len(f.sources)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".rules") {
			return err
		}
		return f.file(p)
	})
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	if len(f.sources) == before {
		return fmt.Errorf("rules: folder %s holds no *.rules file", dir)
	}
	return nil
}

func (f *files) archive(name string) error {
	in, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	defer in.Close() //nolint:errcheck // opened for reading only
	z, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("rules: %s is no gzip file: %w", name, err)
	}
	before := len(f.sources)
	r := tar.NewReader(z)
	left := int64(ruleFileBytesMax)
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("rules: %s is no tar archive: %w", name, err)
		}
		if n == archiveFilesMax {
			return fmt.Errorf("rules: %s holds more than %d files", name, archiveFilesMax)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(r, left+1))
		if err != nil {
			return fmt.Errorf("rules: %s: %s: %w", name, h.Name, err)
		}
		if left -= int64(len(text)); left < 0 {
			return fmt.Errorf("rules: %s unpacks to more than %d MiB", name, ruleFileBytesMax>>20)
		}
		inner := name + ":" + path.Clean(h.Name)
		if strings.HasSuffix(h.Name, ".rules") {
			f.sources = append(f.sources, signature.Source{Name: inner, Text: string(text)})
		} else {
			f.packed[inner] = text
		}
	}
	if len(f.sources) == before {
		return fmt.Errorf("rules: archive %s holds no *.rules file", name)
	}
	slices.SortStableFunc(f.sources[before:], func(a, b signature.Source) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// read gives a file that a rule names; the name is relative to the rule's file.
func (f *files) read(ruleFile, name string) ([]byte, error) {
	if archive, inner, ok := strings.Cut(ruleFile, ".gz:"); ok {
		full := archive + ".gz:" + path.Join(path.Dir(inner), name)
		if text, ok := f.packed[full]; ok {
			return text, nil
		}
		return nil, fmt.Errorf("%s is not in the archive", name)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(filepath.Dir(ruleFile), name)
	}
	return readLimited(name, dataFileBytesMax)
}

func readLimited(name string, limit int64) ([]byte, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	defer in.Close() //nolint:errcheck // opened for reading only
	text, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("reading %s: larger than %d MiB", name, limit>>20)
	}
	return text, nil
}
