package intake

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"fengsui/cascade/wire"
	"fengsui/federation/durable"
	"fengsui/node/exchange"
)

// Limits of the spool.
const (
	SpoolBytesDefault = 1 << 30
	segmentBytesMax   = 8 << 20
	frameBytesMax     = wire.RecordPayloadBytesMax + 4096
	frameHeader       = 8
	drainRecordsMax   = 256
	freeBytesMin      = 64 << 20 // left on the disk for everything else
)

const spoolAAD = "fengsui intake spool v1"

// ErrSpoolFull means the spool holds as much as it may, or the disk is nearly full.
var ErrSpoolFull = errors.New("the spool is full")

// Sealer seals what is written to disk; *gmcrypto.Sealer satisfies it.
type Sealer interface {
	Seal(dst, plaintext, aad []byte) []byte
	Open(dst, sealed, aad []byte) ([]byte, error)
}

// Spool keeps records on disk, sealed. Safe for concurrent use.
type Spool struct {
	dir    string
	most   int64
	sealer Sealer
	log    *slog.Logger

	mu      sync.Mutex
	file    *os.File // segment being written; nil between segments
	written int64    // its size
	next    uint64   // number of the next segment
	bytes   int64    // of all segments
	records uint64   // in all segments
	damaged uint64
}

// OpenSpool opens or creates the spool in dir and counts what is in it. bytesMax 0 means SpoolBytesDefault.
func OpenSpool(dir string, bytesMax int64, sealer Sealer, log *slog.Logger) (*Spool, error) {
	if bytesMax == 0 {
		bytesMax = SpoolBytesDefault
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := durable.EnsureDir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &Spool{dir: dir, most: bytesMax, sealer: sealer, log: log, next: 1}
	segments, err := s.segments()
	if err != nil {
		return nil, err
	}
	for _, n := range segments {
		s.next = n + 1
		fi, err := os.Stat(s.path(n))
		if err != nil {
			return nil, fmt.Errorf("open spool: %w", err)
		}
		s.bytes += fi.Size()
		err = s.each(n, func([]byte) error { s.records++; return nil })
		if err != nil && !errors.Is(err, errDamaged) {
			return nil, fmt.Errorf("open spool: %w", err)
		}
	}
	return s, nil
}

// Count returns how many records wait and how many frames were found damaged since it was opened.
func (s *Spool) Count() (records, damaged uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records, s.damaged
}

// Empty says whether nothing waits.
func (s *Spool) Empty() bool {
	n, _ := s.Count()
	return n == 0
}

func (s *Spool) path(n uint64) string { return filepath.Join(s.dir, fmt.Sprintf("%08d.seg", n)) }

// segments lists the segment numbers, oldest first.
func (s *Spool) segments() ([]uint64, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list spool: %w", err)
	}
	var list []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".seg")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(name, 10, 64); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}

// Write adds records and flushes them to disk. It returns how many were taken; fewer than given come with an error.
func (s *Spool) Write(records []*wire.Record) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if free, err := durable.FreeSpace(s.dir); err == nil && free < freeBytesMin {
		return 0, fmt.Errorf("%w: %d MiB are free on the disk of %s", ErrSpoolFull, free>>20, s.dir)
	}
	var buf []byte
	taken := 0
	for _, r := range records {
		plain, err := exchange.EncodeRecord(r)
		if err != nil {
			return 0, fmt.Errorf("encode record for the spool: %w", err)
		}
		start := len(buf)
		buf = append(buf, make([]byte, frameHeader)...)
		buf = s.sealer.Seal(buf, plain, []byte(spoolAAD))
		body := buf[start+frameHeader:]
		if s.bytes+int64(len(buf)) > s.most || len(body) > frameBytesMax {
			buf = buf[:start]
			break
		}
		binary.BigEndian.PutUint32(buf[start:], uint32(len(body)))
		binary.BigEndian.PutUint32(buf[start+4:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
		taken++
	}
	if taken == 0 {
		return 0, ErrSpoolFull
	}
	if err := s.appendLocked(buf); err != nil {
		return 0, err
	}
	s.records += uint64(taken)
	s.bytes += int64(len(buf))
	if taken < len(records) {
		return taken, ErrSpoolFull
	}
	return taken, nil
}

// appendLocked writes to the open segment. After an error the segment is given up: what follows goes into a new one, so that a half-written
// frame is always the last of its file.
func (s *Spool) appendLocked(buf []byte) error {
	if s.file == nil {
		f, err := os.OpenFile(s.path(s.next), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("start spool segment: %w", err)
		}
		if err := durable.SyncDir(s.dir); err != nil {
			return errors.Join(fmt.Errorf("start spool segment: %w", err), f.Close())
		}
		s.file, s.written = f, 0
		s.next++
	}
	_, err := s.file.Write(buf)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write spool: %w", err), s.finishLocked())
	}
	if s.written += int64(len(buf)); s.written >= segmentBytesMax {
		return s.finishLocked()
	}
	return nil
}

func (s *Spool) finishLocked() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	if err != nil {
		return fmt.Errorf("close spool segment: %w", err)
	}
	return nil
}

// Close ends the segment being written. The spool may be used again afterwards.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finishLocked()
}

// Drain hands everything that waits to commit, oldest first, and deletes what was committed. It returns how many records that was; the first
// error of commit ends it and leaves the rest. Only one Drain may run at a time.
func (s *Spool) Drain(ctx context.Context, commit func([]*wire.Record) error) (int, error) {
	s.mu.Lock()
	err := s.finishLocked() // what is written from now on goes into a new segment
	limit := s.next
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	segments, err := s.segments()
	if err != nil {
		return 0, err
	}
	total := 0
	for _, n := range segments {
		if n >= limit {
			break
		}
		done, err := s.drainSegment(ctx, n, commit)
		total += done
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *Spool) drainSegment(ctx context.Context, n uint64, commit func([]*wire.Record) error) (int, error) {
	var batch []*wire.Record
	seen, done, size := 0, 0, 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := commit(batch); err != nil {
			return err
		}
		done += len(batch)
		batch, size = nil, 0
		return nil
	}
	err := s.each(n, func(sealed []byte) error {
		seen++
		plain, err := s.sealer.Open(nil, sealed, []byte(spoolAAD))
		var r *wire.Record
		if err == nil {
			r, err = exchange.DecodeRecord(plain)
		}
		if err != nil {
			return fmt.Errorf("%w: frame %d: %w", errDamaged, seen, err)
		}
		batch = append(batch, r)
		if size += len(plain); len(batch) >= drainRecordsMax || size >= batchBytes {
			return flush()
		}
		return nil
	})
	if err == nil || errors.Is(err, errDamaged) {
		if err := flush(); err != nil {
			return done, err
		}
		return done, s.dispose(n, seen, err)
	}
	return done, err
}

// dispose deletes a segment that is in the ledger; a damaged one is moved aside for a person.
func (s *Spool) dispose(n uint64, seen int, damage error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	fi, err := os.Stat(s.path(n))
	if err != nil {
		return fmt.Errorf("delete spool segment: %w", err)
	}
	if damage != nil {
		s.damaged++
		aside := filepath.Join(s.dir, "quarantine")
		s.log.Error("a spool segment is damaged: the readable part is in the ledger, the file is kept", "file", s.path(n), "aside", aside, "error", damage)
		if err := durable.EnsureDir(aside, 0o700); err != nil {
			return fmt.Errorf("move spool segment aside: %w", err)
		}
		err = durable.Move(s.path(n), filepath.Join(aside, filepath.Base(s.path(n))))
	} else {
		err = durable.Remove(s.path(n))
	}
	if err != nil {
		return fmt.Errorf("delete spool segment: %w", err)
	}
	s.bytes -= fi.Size()
	s.records -= min(s.records, uint64(seen))
	return nil
}

// errDamaged means a frame in the middle of a segment cannot be read.
var errDamaged = errors.New("damaged spool segment")

// each calls f with the sealed body of every frame of a segment. A frame cut short at the end is the mark of a crash during a write, which
// nobody was told had succeeded: it ends the segment without an error.
func (s *Spool) each(n uint64, f func(sealed []byte) error) error {
	file, err := os.Open(s.path(n))
	if err != nil {
		return fmt.Errorf("read spool segment: %w", err)
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 256<<10)
	var head [frameHeader]byte
	for offset := int64(0); ; {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return fmt.Errorf("read spool segment: %w", err)
		}
		size := binary.BigEndian.Uint32(head[:])
		if size == 0 || size > frameBytesMax {
			return fmt.Errorf("%w: %s: frame of %d bytes at %d", errDamaged, file.Name(), size, offset)
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return fmt.Errorf("read spool segment: %w", err)
		}
		if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(head[4:]) {
			return fmt.Errorf("%w: %s: checksum of the frame at %d", errDamaged, file.Name(), offset)
		}
		offset += frameHeader + int64(size)
		if err := f(body); err != nil {
			return err
		}
	}
}
