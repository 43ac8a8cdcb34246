package inspect

// At is a keyword with a test of its own on the bytes from some place on: the start of the buffer, or where the last match ended. It moves nothing.
type At struct {
	Relative bool
	Test     func(data []byte, offset int) bool
}

func (a *At) match(p *Program, at int, s *Scratch, b *Buffer) bool {
	offset := 0
	if a.Relative {
		offset = s.offset
	}
	if !a.Test(b.Data, offset) {
		s.stop = s.stop || !a.Relative
		return false
	}
	return p.next(at+1, s, b)
}
