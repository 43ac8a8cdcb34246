package source

import (
	"fmt"

	"fengsui/capture/filter"
	"fengsui/capture/packet"
)

// sieve applies a filter to frames of several link types: a program is made for each type when it first occurs.
type sieve struct {
	expr     *filter.Expr
	programs map[packet.LinkType]*filter.Program
	last     packet.LinkType
	program  *filter.Program // for last
}

func (s *sieve) pass(f *Frame) (bool, error) {
	if s.program == nil || s.last != f.Link {
		p, ok := s.programs[f.Link]
		if !ok {
			var err error
			if p, err = s.expr.Compile(filter.Target{Link: f.Link}); err != nil {
				return false, fmt.Errorf("filter on %s (%s): %w", f.Iface, f.Link, err)
			}
			if s.programs == nil {
				s.programs = make(map[packet.LinkType]*filter.Program)
			}
			s.programs[f.Link] = p
		}
		s.last, s.program = f.Link, p
	}
	return s.program.Match(f.Data, f.OrigLen), nil
}
