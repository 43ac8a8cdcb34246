package source

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// standardInput is the path that stands for it.
	standardInput = "-"
	// directoryFilesMax bounds what a directory may hold.
	directoryFilesMax = 65536
	// openMax bounds how many files are read side by side. Where more overlap in time, the rest wait for one to end, and
	// their first packets come late; packets are never lost.
	openMax = 64
)

// expand replaces directories by the captures directly in them, told by their first bytes, in the order of their names.
func expand(paths []string) ([]string, error) {
	var list []string
	for _, p := range paths {
		if p == standardInput {
			list = append(list, p)
			continue
		}
		st, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("opening capture: %w", err)
		}
		if !st.IsDir() {
			list = append(list, p)
			continue
		}
		inside, err := captures(p)
		if err != nil {
			return nil, err
		}
		list = append(list, inside...)
	}
	if len(list) == 0 {
		return nil, errors.New("opening capture: no file is named")
	}
	return list, nil
}

func captures(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening directory of captures: %w", err)
	}
	if len(entries) > directoryFilesMax {
		return nil, fmt.Errorf("opening directory of captures: %s holds %d files, at most %d are read", dir, len(entries), directoryFilesMax)
	}
	var list []string
	for _, e := range entries {
		p := filepath.Join(dir, e.Name())
		if st, err := os.Stat(p); err != nil || !st.Mode().IsRegular() {
			continue // a folder, a socket, a link to nowhere
		}
		var c counts
		o, err := open(p, &c, 1<<12)
		switch {
		case err == nil:
			o.close()
			list = append(list, p)
		case errors.Is(err, ErrFormat):
			// A README beside captures is not an error.
		default:
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("opening directory of captures: %s holds no capture file", dir)
	}
	return list, nil
}

// member is a file of a merge.
type member struct {
	path  string
	first time.Time
	order int // in which it was named: ties keep it
	*opened
}

// merge reads several files in the order of packet time.
func (s *files) merge(ctx context.Context, list []string, clock *pace, emit func(*Frame) error) error {
	waiting, err := s.schedule(list)
	if err != nil {
		return err
	}
	var now merging
	defer func() {
		for _, m := range now {
			m.close()
		}
	}()
	for ctx.Err() == nil {
		for len(waiting) > 0 && len(now) < openMax && (len(now) == 0 || !waiting[0].first.After(now[0].f.Time)) {
			m := waiting[0]
			waiting = waiting[1:]
			if m.opened, err = open(m.path, &s.counts, mergedReadAhead); err != nil {
				return err
			}
			if err := s.push(&now, m); err != nil {
				return err
			}
		}
		if len(now) == 0 {
			return nil
		}
		m := now[0]
		if err := s.deliver(ctx, &m.f, clock, emit); err != nil {
			return err
		}
		switch err := s.advance(m.opened); {
		case err == nil:
			heap.Fix(&now, 0)
		case errors.Is(err, io.EOF):
			m.close()
			heap.Pop(&now)
		default:
			return err
		}
	}
	return nil
}

// push puts an opened file where its first passing frame belongs.
func (s *files) push(now *merging, m *member) error {
	err := s.advance(m.opened)
	if err == nil {
		heap.Push(now, m)
		return nil
	}
	m.close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// schedule finds when each file begins and sorts by that.
func (s *files) schedule(list []string) ([]*member, error) {
	members := make([]*member, 0, len(list))
	for i, p := range list {
		m := &member{path: p, order: i}
		members = append(members, m)
		if p == standardInput {
			continue // it cannot be looked at twice: it is opened first
		}
		var c counts
		o, err := open(p, &c, 1<<16)
		if err != nil {
			return nil, err
		}
		err = o.r.next(&o.f)
		o.close()
		switch {
		case err == nil:
			m.first = o.f.Time
		case errors.Is(err, io.EOF), errors.Is(err, errTruncated):
		default:
			return nil, err
		}
	}
	slices.SortStableFunc(members, func(a, b *member) int { return a.first.Compare(b.first) })
	return members, nil
}

// merging is a heap of open files by the time of their next frame.
type merging []*member

// Len implements heap.Interface.
func (h merging) Len() int { return len(h) }

// Less implements heap.Interface.
func (h merging) Less(i, j int) bool {
	return cmp.Or(h[i].f.Time.Compare(h[j].f.Time), cmp.Compare(h[i].order, h[j].order)) < 0
}

// Swap implements heap.Interface.
func (h merging) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *merging) Push(x any) { *h = append(*h, x.(*member)) }

// Pop implements heap.Interface.
func (h *merging) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
