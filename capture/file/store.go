package file

import (
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"fengsui/capture/event"
)

// StoreConfig bounds a store. Zero fields take the defaults in their comments.
type StoreConfig struct {
	Dir            string
	BytesMax       int64 // on disk, 2 GiB
	FilesMax       int   // on disk, 100 000
	FileBytesMax   int   // of one file, 16 MiB
	MemoryBytesMax int64 // of files not written yet, 128 MiB
	Gzip           bool  // files are compressed on disk (name.gz)
}

// StoreStats counts what a store did.
type StoreStats struct {
	Written, Bytes uint64 // files and bytes written
	Known          uint64 // files that were there already
	Refused        uint64 // not kept: too large, cut off, or memory or queue full
	Removed        uint64 // removed to make room
	Failed         uint64 // disk errors
}

const (
	queueMax      = 256
	tempPrefix    = ".new-"
	sidecarSuffix = ".json"
	gzipSuffix    = ".gz"
)

// Store keeps files on disk by their SHA-256: dir/ab/abcdef…, beside each a JSON line with the event of its first
// sighting. OpenStore makes one, Run writes.
type Store struct {
	cfg    StoreConfig
	queue  chan *stored
	memory atomic.Int64

	written, bytes, known, refused, removed, failed atomic.Uint64

	// Owned by Run.
	entries map[string]*entry
	order   []*entry // oldest first
	total   int64
}

// stored is a file on its way to the disk.
type stored struct {
	head, tail []byte
	held       int
	sidecar    []byte
}

// entry is a file on disk.
type entry struct {
	name string // hexadecimal digest
	size int64  // on disk, with its sidecar
	at   time.Time
}

// OpenStore opens or makes the directory and reads what is there. It removes what an interrupted run left half written.
func OpenStore(cfg StoreConfig) (*Store, error) {
	if cfg.BytesMax <= 0 {
		cfg.BytesMax = 2 << 30
	}
	if cfg.FilesMax <= 0 {
		cfg.FilesMax = 100_000
	}
	if cfg.FileBytesMax <= 0 {
		cfg.FileBytesMax = 16 << 20
	}
	if cfg.MemoryBytesMax <= 0 {
		cfg.MemoryBytesMax = 128 << 20
	}
	s := &Store{cfg: cfg, queue: make(chan *stored, queueMax), entries: map[string]*entry{}}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the file store: %w", err)
	}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("reading the file store: %w", err)
	}
	return s, nil
}

// scan lists the files that are there.
func (s *Store) scan() error {
	err := filepath.WalkDir(s.cfg.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := d.Name()
		if strings.HasPrefix(name, tempPrefix) {
			return os.Remove(path)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking at %s: %w", path, err)
		}
		digest := strings.TrimSuffix(strings.TrimSuffix(name, sidecarSuffix), gzipSuffix)
		if raw, err := hex.DecodeString(digest); err != nil || len(raw) != sha256.Size {
			return nil // not ours
		}
		e := s.entries[digest]
		if e == nil {
			e = &entry{name: digest, at: info.ModTime()}
			s.entries[digest] = e
			s.order = append(s.order, e)
		}
		e.size += info.Size()
		s.total += info.Size()
		return nil
	})
	if err != nil {
		return fmt.Errorf("listing: %w", err)
	}
	slices.SortStableFunc(s.order, func(a, b *entry) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	return nil
}

// Stats returns the counters. Any goroutine may call it.
func (s *Store) Stats() StoreStats {
	return StoreStats{
		Written: s.written.Load(), Bytes: s.bytes.Load(), Known: s.known.Load(), Refused: s.refused.Load(),
		Removed: s.removed.Load(), Failed: s.failed.Load(),
	}
}

// reserve takes n bytes of the memory all files may hold together.
func (s *Store) reserve(n int) bool {
	if s.memory.Add(int64(n)) > s.cfg.MemoryBytesMax {
		s.memory.Add(-int64(n))
		return false
	}
	return true
}

func (s *Store) release(n int) { s.memory.Add(-int64(n)) }

// put queues a whole file. It tells whether it will be kept.
func (s *Store) put(f *File, e *event.Event) bool {
	if f.gap || f.lost || f.State != Closed || uint64(len(f.Data)+len(f.tail)) != f.Size || !s.reserve(len(f.Data)) {
		s.refused.Add(1)
		return false
	}
	// Data is not copied: nothing writes it after Close.
	q := &stored{head: f.Data, tail: f.tail, held: f.held + len(f.Data), sidecar: e.AppendJSON(nil)}
	select {
	case s.queue <- q:
		f.held, f.tail = 0, nil // the queue's now
		return true
	default:
		s.release(len(f.Data))
		s.refused.Add(1)
		return false
	}
}

// Run writes files until ctx is done, then what is queued. It returns nil when ctx ends it; disk errors are counted, for a
// full disk must not stop a sensor.
func (s *Store) Run(ctx context.Context) error {
	for {
		select {
		case q := <-s.queue:
			s.save(q)
		case <-ctx.Done():
			for {
				select {
				case q := <-s.queue:
					s.save(q)
				default:
					return nil
				}
			}
		}
	}
}

func (s *Store) save(q *stored) {
	defer s.release(q.held)
	h := sha256.New()
	h.Write(q.head)
	h.Write(q.tail)
	name := hex.EncodeToString(h.Sum(nil))
	if s.entries[name] != nil {
		s.known.Add(1)
		return
	}
	size, err := s.write(name, q)
	if err != nil {
		s.failed.Add(1)
		return
	}
	e := &entry{name: name, size: size, at: time.Now()}
	s.entries[name] = e
	s.order = append(s.order, e)
	s.total += size
	s.written.Add(1)
	s.bytes.Add(uint64(len(q.head) + len(q.tail)))
	s.trim()
}

func (s *Store) write(name string, q *stored) (int64, error) {
	dir := filepath.Join(s.cfg.Dir, name[:2])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("making %s: %w", dir, err)
	}
	path := s.path(name)
	n, err := place(path, func(f *os.File) error {
		if !s.cfg.Gzip {
			if _, err := f.Write(q.head); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
			_, err := f.Write(q.tail)
			return err
		}
		z := gzip.NewWriter(f)
		if _, err := z.Write(q.head); err != nil {
			return fmt.Errorf("compressing: %w", err)
		}
		if _, err := z.Write(q.tail); err != nil {
			return fmt.Errorf("compressing: %w", err)
		}
		return z.Close()
	})
	if err != nil {
		return 0, err
	}
	m, err := place(filepath.Join(dir, name+sidecarSuffix), func(f *os.File) error {
		_, err := f.Write(append(q.sidecar, '\n'))
		return err
	})
	if err != nil {
		os.Remove(path) //nolint:errcheck // the first error is the one to tell
		return 0, err
	}
	return n + m, nil
}

// path is where a file lies.
func (s *Store) path(name string) string {
	if s.cfg.Gzip {
		name += gzipSuffix
	}
	return filepath.Join(s.cfg.Dir, name[:2], name)
}

// place writes a file beside its place and moves it there, so that a reader never sees half of it. It returns its size.
func place(path string, fill func(*os.File) error) (int64, error) {
	f, err := os.CreateTemp(filepath.Dir(path), tempPrefix)
	if err != nil {
		return 0, fmt.Errorf("making a file: %w", err)
	}
	size, err := int64(0), fill(f)
	if err == nil {
		if info, e := f.Stat(); e == nil {
			size = info.Size()
		}
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
		return 0, fmt.Errorf("placing %s: %w", path, err)
	}
	return size, nil
}

// trim removes the oldest files until the limits hold.
func (s *Store) trim() {
	n := 0
	for len(s.order)-n > 1 && (s.total > s.cfg.BytesMax || len(s.order)-n > s.cfg.FilesMax) {
		e := s.order[n]
		n++
		delete(s.entries, e.name)
		s.total -= e.size
		s.removed.Add(1)
		dir := filepath.Join(s.cfg.Dir, e.name[:2])
		for _, suffix := range [...]string{"", gzipSuffix, sidecarSuffix} {
			if err := os.Remove(filepath.Join(dir, e.name+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.failed.Add(1)
			}
		}
	}
	s.order = slices.Delete(s.order, 0, n)
}
