//go:build !yara

package yara

// Set is a compiled set of rules. Without the build tag there is none.
type Set struct{}

// Compile refuses: see ErrNotBuilt.
func Compile([]Source) (*Set, []Problem, error) { return nil, nil, ErrNotBuilt }

// Len is the number of rules.
func (s *Set) Len() int { return 0 }

func (s *Set) newScanner() scanner { return nothing{} }

// nothing matches nothing.
type nothing struct{}

func (nothing) scan([]byte) ([]Match, error) { return nil, nil }
