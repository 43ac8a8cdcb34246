package sip

import "bytes"

const (
	mediaMax    = 32
	sdpLinesMax = 512
)

// Media is one media description (RFC 8866 5.14).
type Media struct {
	Media      []byte // "audio 30000 RTP/AVP 0 8"
	Info       []byte
	Connection []byte
	Key        []byte
}

// SDP is a session description. Values are what stands behind the letter and the equals sign.
type SDP struct {
	Version, Origin, Name, Info, URI, Connection, Timezone, Key []byte
	Emails, Phones, Bandwidths, Times, Repeats                  [][]byte
	Attributes                                                  [][]byte // of the session and of its media
	Media                                                       []Media
}

// parseSDP reads a description, as far as it is one.
func parseSDP(b []byte) *SDP {
	s := &SDP{}
	for range sdpLinesMax {
		if len(b) == 0 {
			break
		}
		var l []byte
		l, b, _ = bytes.Cut(b, []byte{'\n'})
		l = bytes.TrimRight(l, "\r")
		if len(l) < 2 || l[1] != '=' {
			continue
		}
		s.line(l[0], bytes.Clone(l[2:]))
	}
	return s
}

// line takes one line.
func (s *SDP) line(kind byte, v []byte) {
	if n := len(s.Media); n > 0 && kind != 'm' {
		m := &s.Media[n-1]
		switch kind {
		case 'i':
			m.Info = v
		case 'c':
			m.Connection = v
		case 'k':
			m.Key = v
		case 'b':
			s.Bandwidths = append(s.Bandwidths, v)
		case 'a':
			s.Attributes = append(s.Attributes, v)
		}
		return
	}
	switch kind {
	case 'v':
		s.Version = v
	case 'o':
		s.Origin = v
	case 's':
		s.Name = v
	case 'i':
		s.Info = v
	case 'u':
		s.URI = v
	case 'e':
		s.Emails = append(s.Emails, v)
	case 'p':
		s.Phones = append(s.Phones, v)
	case 'c':
		s.Connection = v
	case 'b':
		s.Bandwidths = append(s.Bandwidths, v)
	case 't':
		s.Times = append(s.Times, v)
	case 'r':
		s.Repeats = append(s.Repeats, v)
	case 'z':
		s.Timezone = v
	case 'k':
		s.Key = v
	case 'a':
		s.Attributes = append(s.Attributes, v)
	case 'm':
		if len(s.Media) < mediaMax {
			s.Media = append(s.Media, Media{Media: v})
		}
	}
}
