package fsm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Table is one domain's part of the state: a bucket and the commands that change it.
//
// Apply must be a function of the bucket and its arguments alone, the same on every
// replica and every replay: no clock, no randomness, no map order, no configuration.
// It validates before it writes: a returned error is a refusal that every replica
// gives, and means "no effect". An error with a method Code() uint32 carries its number
// to the caller. body and everything read from b die with the call; the value is copied.
// Errors of bbolt about keys and values are refusals too; errors of the disk never
// reach a table.
type Table interface {
	Apply(b *bbolt.Bucket, kind uint16, version uint8, at time.Time, id [16]byte, body []byte) ([]byte, error)
}

// Spec says which bucket and kinds a table owns.
type Spec struct {
	Name       string // the bucket's name; part of the format, never changed
	Kinds      []Kind // the commands it applies
	MaxVersion uint8  // highest Command.Version its table understands; 0 means 1
	Table      Table
}

// metaBucket holds what the state machine itself must remember. No table can have this name.
const metaBucket = "\x00fsm"

// owner is where a kind goes.
type owner struct {
	name       []byte
	maxVersion uint8
	table      Table
}

// registry maps every known kind to its owner; read-only after newRegistry.
type registry struct {
	kinds map[Kind]owner
	names []string // sorted
}

// newRegistry checks the specs and reports every mistake at once.
func newRegistry(specs []Spec) (*registry, error) {
	r := &registry{kinds: map[Kind]owner{}}
	seen := map[string]bool{}
	var problems []error
	for _, s := range specs {
		switch {
		case s.Name == "" || strings.HasPrefix(s.Name, "\x00"):
			problems = append(problems, fmt.Errorf("table %q: a name is needed, not beginning with a zero byte", s.Name))
		case seen[s.Name]:
			problems = append(problems, fmt.Errorf("table %q: two tables claim this bucket", s.Name))
		case s.Table == nil:
			problems = append(problems, fmt.Errorf("table %q: no table given", s.Name))
		}
		seen[s.Name] = true
		for _, k := range s.Kinds {
			if other, taken := r.kinds[k]; taken {
				problems = append(problems, fmt.Errorf("table %q: kind %d belongs to table %q already", s.Name, k, other.name))
			}
			r.kinds[k] = owner{name: []byte(s.Name), maxVersion: max(s.MaxVersion, 1), table: s.Table}
		}
	}
	r.names = slices.Sorted(maps.Keys(seen))
	return r, errors.Join(problems...)
}

// check says whether this replica can apply c, and why not.
func (r *registry) check(c *Command) error {
	o, known := r.kinds[c.Kind]
	switch {
	case !known:
		return fmt.Errorf("command kind %d version %d: no table of this version of the program applies this kind: install the version the rest of the site runs: %w", c.Kind, c.Version, ErrTooNew)
	case c.Version > o.maxVersion:
		return fmt.Errorf("command kind %d version %d: table %q of this version of the program reads up to version %d: install the version the rest of the site runs: %w", c.Kind, c.Version, o.name, o.maxVersion, ErrTooNew)
	default:
		return nil
	}
}
