package stream

// Pull results for the parser.

// Ready returns the bytes of a direction that the parser has not consumed and may see: acknowledged ones, or all of
// them once the session has ended. They stay valid until the session's next call.
func (s *Session) Ready(dir Direction) []byte {
	x := &s.side[dir]
	to := s.visible(x)
	if x.win.appOff || to <= x.win.app {
		return nil
	}
	return x.win.slice(x.win.app, to)
}

// visible is the offset up to which bytes may be shown.
func (s *Session) visible(x *side) int64 {
	end := x.win.end()
	if s.flush {
		return end
	}
	return max(min(x.inStream(x.acked), end), x.win.base)
}

// Position is the stream offset of the first byte Ready returns.
func (s *Session) Position(dir Direction) uint64 { return uint64(max(0, s.side[dir].win.app)) }

// Consume tells that the parser is done with the first n bytes of Ready.
func (a *Assembler) Consume(s *Session, dir Direction, n int) {
	x := &s.side[dir]
	x.win.app += int64(n)
	x.win.shown = max(x.win.shown, s.visible(x))
	x.win.forget(x.win.shown)
	x.win.trim(&a.cfg, &a.pool)
}

// Hole returns how many bytes are missing behind what Ready returned, when it is certain that they will not come: the
// other side has acknowledged them, or the session has ended and later bytes are there.
func (s *Session) Hole(dir Direction) int64 {
	x := &s.side[dir]
	end := x.win.end()
	limit := x.acked
	if x.fin >= 0 {
		limit = min(limit, x.fin)
	}
	limit = x.inStream(limit)
	if len(x.win.early) > 0 {
		first := x.win.early[0].off
		if s.flush {
			limit = first
		} else {
			limit = min(limit, first)
		}
	}
	if x.win.appOff && x.win.rawOff {
		return 0
	}
	if x.depth {
		limit = min(limit, x.depthAt)
	}
	return max(0, limit-end)
}

// Skip passes over the hole. Unconsumed bytes in front of it are given up; Raw must have been asked before.
func (a *Assembler) Skip(s *Session, dir Direction, n int64) {
	x := &s.side[dir]
	x.gaps += n
	a.stats.Gaps++
	a.stats.GapBytes += uint64(n)
	x.win.skip(n, &a.cfg, &a.pool)
	x.next = max(x.next, x.win.end()+int64(len(x.urgent)))
}

// Pending tells how many bytes Raw would show for the first time.
func (s *Session) Pending(dir Direction) int {
	x := &s.side[dir]
	if x.win.rawOff {
		return 0
	}
	return int(max(0, s.visible(x)-x.win.raw))
}

// Raw fills c with the bytes not shown before and the look-back in front of them, and counts them as shown. It returns
// false when there is nothing new.
func (a *Assembler) Raw(s *Session, dir Direction, c *Chunk) bool {
	x := &s.side[dir]
	w := &x.win
	to := s.visible(x)
	if w.rawOff || to <= w.raw {
		return false
	}
	from := max(w.base, w.raw-int64(a.cfg.LookBack))
	*c = Chunk{
		Data: w.slice(from, to), New: int(to - w.raw), Offset: uint64(from), Start: from == 0 && !s.Midstream,
		Gap: w.gap && from == w.raw && w.raw == w.base, End: s.Finished(dir) && to == w.end() && len(w.early) == 0,
	}
	if c.Gap {
		w.gap = false
	}
	x.started = true
	w.raw = to
	w.shown = max(w.shown, to)
	return true
}

// Trim lets go of bytes that neither Ready nor Raw needs. The slices they returned stay valid until the next Packet.
func (a *Assembler) Trim(s *Session, dir Direction) {
	x := &s.side[dir]
	x.win.forget(x.win.shown)
	x.win.trim(&a.cfg, &a.pool)
}

// StopApp says that no parser wants this direction any more.
func (a *Assembler) StopApp(s *Session, dir Direction) {
	w := &s.side[dir].win
	w.appOff = true
	a.settle(w)
}

// StopRaw says that pattern matching does not want this direction any more.
func (a *Assembler) StopRaw(s *Session, dir Direction) {
	w := &s.side[dir].win
	w.rawOff = true
	a.settle(w)
}

func (a *Assembler) settle(w *window) {
	if w.appOff && w.rawOff {
		w.release(&a.pool)
		return
	}
	w.trim(&a.cfg, &a.pool)
}

// Wanted tells whether anybody still wants the bytes of a direction.
func (s *Session) Wanted(dir Direction) bool {
	w := &s.side[dir].win
	return !w.appOff || !w.rawOff
}

// Flush says that the session is over: what has not been acknowledged becomes visible as well, unless the session
// closed in order (then what nobody acknowledged was never received).
func (s *Session) Flush() {
	if s.State != StateClosed || s.Reset {
		s.flush = true
	}
}

// Shown tells whether Raw has shown any byte of the session.
func (s *Session) Shown() bool { return s.side[0].started || s.side[1].started }
