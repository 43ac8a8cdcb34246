package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// StoreConfig says where evidence goes. A zero field takes the default in its comment.
type StoreConfig struct {
	Dir        string // made when it is not there, mode 0700
	FilesMax   int    // 10000
	BytesMax   int64  // 1 GiB
	Queue      int    // cuts that wait for the disk, 256
	QueueBytes int64  // and their bytes, 64 MiB
	Limits     Limits
}

// Stats count since the store was opened.
type Stats struct {
	Frames  uint64 // recorded
	Cuts    uint64 // files begun
	Joined  uint64 // alerts that share another's file
	Refused uint64 // alerts without a file: too many cuts were open
	Lost    uint64 // files not written: the disk was too slow
	Failed  uint64 // files the disk refused
	Written uint64 // files
	Removed uint64 // files that gave way
	Files   uint64 // now there
	Bytes   uint64 // now there
	Error   string // of the last write that failed
}

const extension = ".pcapng"

// Name returns the file name for an alert: its id as events and the command line write it.
func Name(id [16]byte) string {
	return hex.EncodeToString(id[:]) + extension
}

// parseName tells our files from others.
func parseName(name string) ([16]byte, bool) {
	var id [16]byte
	text, ok := strings.CutSuffix(name, extension)
	if !ok || len(text) != 32 {
		return id, false
	}
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		return id, false
	}
	return id, Name(id) == name
}

// Store writes finished cuts into a directory it owns, and keeps that within its bounds.
type Store struct {
	cfg   StoreConfig
	queue chan job
	done  chan struct{}

	waiting atomic.Int64 // bytes in the queue

	lost, failed, written, removed, files, bytes atomic.Uint64

	mu        sync.Mutex
	closed    bool
	recorders []*Recorder
	lastError string

	index []stored // by name, which is by time; owned by the writing goroutine
}

type stored struct {
	name string
	size int64
}

type job struct {
	name string
	data []byte
}

// NewStore opens a directory and starts writing. Close ends it.
func NewStore(cfg StoreConfig) (*Store, error) {
	if cfg.FilesMax <= 0 {
		cfg.FilesMax = 10000
	}
	if cfg.BytesMax <= 0 {
		cfg.BytesMax = 1 << 30
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 256
	}
	if cfg.QueueBytes <= 0 {
		cfg.QueueBytes = 64 << 20
	}
	cfg.Limits.fill()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	s := &Store{cfg: cfg, queue: make(chan job, cfg.Queue), done: make(chan struct{})}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	s.shrink()
	go s.run()
	return s, nil
}

// NewRecorder returns the recorder of one worker.
func (s *Store) NewRecorder() *Recorder {
	r := &Recorder{limits: s.cfg.Limits, store: s, ring: newRing(s.cfg.Limits.RingBytes), open: map[uint64][]*cut{}}
	s.mu.Lock()
	s.recorders = append(s.recorders, r)
	s.mu.Unlock()
	return r
}

// Release takes a recorder whose worker has ended out of the store's books, after closing it; its counts stay.
func (s *Store) Release(r *Recorder) {
	r.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.recorders, r)
	if i < 0 {
		return
	}
	s.recorders = slices.Delete(s.recorders, i, i+1)
	past := &Recorder{}
	if len(s.recorders) > 0 && s.recorders[0].ring == nil {
		past = s.recorders[0]
	} else {
		s.recorders = slices.Insert(s.recorders, 0, past)
	}
	past.stats.frames.Add(r.stats.frames.Load())
	past.stats.cuts.Add(r.stats.cuts.Load())
	past.stats.joined.Add(r.stats.joined.Load())
	past.stats.refused.Add(r.stats.refused.Load())
}

// Dir is where the files are.
func (s *Store) Dir() string { return s.cfg.Dir }

// Stats counts what recorders and the store have done.
func (s *Store) Stats() Stats {
	st := Stats{
		Lost: s.lost.Load(), Failed: s.failed.Load(), Written: s.written.Load(), Removed: s.removed.Load(), Files: s.files.Load(), Bytes: s.bytes.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Error = s.lastError
	for _, r := range s.recorders {
		st.Frames += r.stats.frames.Load()
		st.Cuts += r.stats.cuts.Load()
		st.Joined += r.stats.joined.Load()
		st.Refused += r.stats.refused.Load()
	}
	return st
}

// put queues a finished cut, or counts it as lost.
func (s *Store) put(name string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.waiting.Load()+int64(len(data)) > s.cfg.QueueBytes {
		s.lost.Add(1)
		return
	}
	select {
	case s.queue <- job{name, data}:
		s.waiting.Add(int64(len(data)))
	default:
		s.lost.Add(1)
	}
}

// Close writes what is queued and ends. Recorders must have been closed before. A second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if !again {
		close(s.queue)
	}
	<-s.done
	if n := s.failed.Load(); n > 0 && !again {
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Errorf("evidence: %d files could not be written; the last: %s", n, s.lastError)
	}
	return nil
}

func (s *Store) run() {
	defer close(s.done)
	for j := range s.queue {
		s.waiting.Add(-int64(len(j.data)))
		if err := s.write(j); err != nil {
			s.failed.Add(1)
			s.mu.Lock()
			s.lastError = err.Error()
			s.mu.Unlock()
			continue
		}
		s.written.Add(1)
		s.shrink()
	}
}

// write puts a file in place whole.
func (s *Store) write(j job) error {
	path := filepath.Join(s.cfg.Dir, j.name)
	f, err := os.CreateTemp(s.cfg.Dir, "."+j.name+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(j.data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	at, again := slices.BinarySearchFunc(s.index, j.name, func(a stored, name string) int { return strings.Compare(a.name, name) })
	if again {
		s.bytes.Add(-uint64(s.index[at].size))
		s.index[at].size = int64(len(j.data))
	} else {
		s.index = slices.Insert(s.index, at, stored{j.name, int64(len(j.data))})
	}
	s.bytes.Add(uint64(len(j.data)))
	s.files.Store(uint64(len(s.index)))
	return nil
}

// scan finds what is there from before. Files that are not ours are left alone; halves of an interrupted write go.
func (s *Store) scan() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if hidden, ok := strings.CutPrefix(e.Name(), "."); ok && e.Type().IsRegular() {
			if i := strings.Index(hidden, extension+"."); i > 0 {
				if _, ours := parseName(hidden[:i+len(extension)]); ours {
					_ = os.Remove(filepath.Join(s.cfg.Dir, e.Name())) // tried again at the next start
				}
			}
			continue
		}
		if _, ours := parseName(e.Name()); !ours || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed by somebody since
		}
		s.index = append(s.index, stored{e.Name(), info.Size()}) // ReadDir sorts by name
		s.bytes.Add(uint64(info.Size()))
	}
	s.files.Store(uint64(len(s.index)))
	return nil
}

// shrink removes the oldest files until the bounds hold.
func (s *Store) shrink() {
	n := 0
	for n < len(s.index) && (len(s.index)-n > s.cfg.FilesMax || int64(s.bytes.Load()) > s.cfg.BytesMax) {
		old := s.index[n]
		if err := os.Remove(filepath.Join(s.cfg.Dir, old.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.failed.Add(1)
			s.mu.Lock()
			s.lastError = err.Error()
			s.mu.Unlock()
			break // it stays in the books, and is tried again
		}
		s.bytes.Add(-uint64(old.size))
		s.removed.Add(1)
		n++
	}
	s.index = slices.Delete(s.index, 0, n)
	s.files.Store(uint64(len(s.index)))
}
