//go:build hyperscan

package prefilter

/*
#cgo pkg-config: libhs
#include <stdlib.h>
#include <hs.h>

// bounds says which occurrences of a pattern count.
typedef struct { unsigned int id, length; long long from, to; } bounds;

// search is one scan: what the callback needs, and what it found. Each pattern is reported once.
typedef struct {
	const bounds *patterns;
	unsigned int *stamp, *out;
	unsigned int round, found;
	long long anchor, seen;
} search;

static int on_match(unsigned int id, unsigned long long start, unsigned long long end, unsigned int flags, void *context) {
	search *s = context;
	const bounds *p = &s->patterns[id];
	long long to = (long long)end, from = to - (long long)p->length;
	(void)start;
	(void)flags;
	if (s->stamp[id] == s->round || to <= s->seen)
		return 0;
	if (p->to >= 0 && (from - s->anchor < p->from || to - s->anchor > p->to))
		return 0;
	if (p->to < 0 && p->from > 0 && from - s->anchor < p->from)
		return 0;
	s->stamp[id] = s->round;
	s->out[s->found++] = p->id;
	return 0;
}

static int run(const hs_database_t *db, const char *data, unsigned int length, hs_scratch_t *scratch, search *s, long long anchor, long long seen) {
	s->round++;
	s->found = 0;
	s->anchor = anchor;
	s->seen = seen;
	return hs_scan(db, data, length, 0, scratch, on_match, s);
}
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// accelerator is a Hyperscan (or Vectorscan) database of the patterns of a zone. It finds what the tables find.
type accelerator struct {
	db       *C.hs_database_t
	patterns *C.bounds
	count    int
}

// workspace is what the accelerators of one goroutine's scans need.
type workspace struct {
	scratch  **C.hs_scratch_t // in C memory: the library puts a larger one in its place
	searches map[*accelerator]*C.search
}

// acceleratedMin is how short a buffer may be before a call into C costs more than it saves.
const acceleratedMin = 64

// newAccelerator compiles a database; nil when the library refuses (the tables do the work then).
func newAccelerator(patterns []pattern) *accelerator {
	n := len(patterns)
	texts := make([]*C.char, n)
	lengths := make([]C.size_t, n)
	flags := make([]C.uint, n)
	ids := make([]C.uint, n)
	a := &accelerator{count: n, patterns: (*C.bounds)(C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(C.bounds{}))))}
	runtime.AddCleanup(a, func(p *C.bounds) { C.free(unsafe.Pointer(p)) }, a.patterns)
	bounds := unsafe.Slice(a.patterns, n)
	for i, p := range patterns {
		texts[i] = (*C.char)(C.CBytes(p.lower))
		lengths[i], flags[i], ids[i] = C.size_t(len(p.lower)), C.HS_FLAG_CASELESS, C.uint(i)
		bounds[i] = C.bounds{id: C.uint(p.id), length: C.uint(len(p.lower)), from: C.longlong(p.from), to: C.longlong(p.to)}
		if p.to == noBound {
			bounds[i].to = -1
		}
	}
	// The list of texts lives in C memory: C may not be handed Go memory that holds pointers to more.
	list := C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(texts[0])))
	copy(unsafe.Slice((**C.char)(list), n), texts)
	var problem *C.hs_compile_error_t
	code := C.hs_compile_lit_multi((**C.char)(list), &flags[0], &ids[0], &lengths[0], C.uint(n), C.HS_MODE_BLOCK, nil, &a.db, &problem)
	for _, t := range texts {
		C.free(unsafe.Pointer(t))
	}
	C.free(list)
	if code != C.HS_SUCCESS {
		C.hs_free_compile_error(problem)
		return nil
	}
	runtime.AddCleanup(a, func(db *C.hs_database_t) { C.hs_free_database(db) }, a.db)
	return a
}

// scan is zone.scan; false leaves it to the tables.
func (a *accelerator) scan(data []byte, anchor, seen int, h *Hits) bool {
	if len(data) < acceleratedMin {
		return false
	}
	if h.space == nil {
		h.space = newWorkspace()
	}
	s := h.space.searches[a]
	if s == nil {
		if s = h.space.add(a); s == nil {
			return false
		}
	}
	code := C.run(a.db, (*C.char)(unsafe.Pointer(unsafe.SliceData(data))), C.uint(len(data)), *h.space.scratch, s, C.longlong(anchor), C.longlong(seen))
	runtime.KeepAlive(a)
	if code != C.HS_SUCCESS {
		return false
	}
	for _, id := range unsafe.Slice(s.out, int(s.found)) {
		h.Add(uint32(id))
	}
	return true
}

func newWorkspace() *workspace {
	var none *C.hs_scratch_t
	w := &workspace{scratch: (**C.hs_scratch_t)(C.calloc(1, C.size_t(unsafe.Sizeof(none)))), searches: map[*accelerator]*C.search{}}
	runtime.AddCleanup(w, func(cell **C.hs_scratch_t) {
		C.hs_free_scratch(*cell)
		C.free(unsafe.Pointer(cell))
	}, w.scratch)
	return w
}

// add makes room for the scans of a database; nil when there is none.
func (w *workspace) add(a *accelerator) *C.search {
	if C.hs_alloc_scratch(a.db, w.scratch) != C.HS_SUCCESS {
		return nil
	}
	s := (*C.search)(C.calloc(1, C.size_t(unsafe.Sizeof(C.search{}))))
	s.patterns = a.patterns
	s.stamp = (*C.uint)(C.calloc(C.size_t(a.count), 4))
	s.out = (*C.uint)(C.calloc(C.size_t(a.count), 4))
	w.searches[a] = s
	runtime.AddCleanup(w, func(s *C.search) {
		C.free(unsafe.Pointer(s.stamp))
		C.free(unsafe.Pointer(s.out))
		C.free(unsafe.Pointer(s))
	}, s)
	return s
}
