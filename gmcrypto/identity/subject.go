package identity

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Role is what a certificate is for.
type Role uint8

// The roles; the numbers are never sent or stored.
const (
	RoleSite  Role = iota + 1 // authority of a site
	RoleNode                  // node of a site
	RoleGuest                 // newcomer, may only enrol
)

// String returns the word used in certificate names.
func (r Role) String() string {
	switch r {
	case RoleSite:
		return "site"
	case RoleNode:
		return "node"
	case RoleGuest:
		return "guest"
	}
	return "unknown"
}

const (
	uriScheme        = "fengsui"
	displayRunesMax  = 64
	serialBytesMax   = 20
	keyIdentifierLen = 20
)

// subject is what a certificate or a request names.
type subject struct {
	role Role
	site Site
	node string // empty for a site
}

func (s subject) String() string {
	if s.role == RoleSite {
		return uriScheme + ":site:" + string(s.site)
	}
	return uriScheme + ":" + s.role.String() + ":" + string(s.site) + ":" + s.node
}

func (s subject) uri() *url.URL {
	return &url.URL{Scheme: uriScheme, Opaque: strings.TrimPrefix(s.String(), uriScheme+":")}
}

// common is the subject's common name, for people and other tools.
func (s subject) common() string {
	if s.role == RoleSite {
		return string(s.site)
	}
	return string(s.site) + "/" + s.node
}

func (s subject) name(display string) pkix.Name {
	n := pkix.Name{CommonName: s.common()}
	if display != "" {
		n.Organization = []string{display}
	}
	return n
}

// check is for subjects built from a caller's words.
func (s subject) check() error {
	if _, err := ParseSite(string(s.site)); err != nil {
		return err
	}
	if s.role == RoleSite {
		return nil
	}
	return checkNode(s.node)
}

// checkDisplay checks the human name of a site, such as 广东省.
func checkDisplay(name string) error {
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > displayRunesMax {
		return fmt.Errorf("site name must be UTF-8 of at most %d characters", displayRunesMax)
	}
	for i, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("site name: character at byte %d is not printable", i+1)
		}
	}
	return nil
}

// oidAlternativeName is id-ce-subjectAltName.
var oidAlternativeName = asn1.ObjectIdentifier{2, 5, 29, 17}

// subjectOf reads the one URI that names a certificate or request.
func subjectOf(uris []*url.URL, extensions []pkix.Extension) (subject, error) {
	if len(uris) != 1 {
		return subject{}, fmt.Errorf("%w: %d names, want one", ErrMalformed, len(uris))
	}
	parts := strings.Split(uris[0].Opaque, ":")
	s := subject{}
	switch {
	case len(parts) == 2 && parts[0] == "site":
		s = subject{role: RoleSite, site: Site(parts[1])}
	case len(parts) == 3 && parts[0] == "node":
		s = subject{role: RoleNode, site: Site(parts[1]), node: parts[2]}
	case len(parts) == 3 && parts[0] == "guest":
		s = subject{role: RoleGuest, site: Site(parts[1]), node: parts[2]}
	default:
		return subject{}, fmt.Errorf("%w: name %.80q is not ours", ErrMalformed, uris[0])
	}
	if err := s.check(); err != nil {
		return subject{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// The extension must be, byte for byte, the one we write: no second spelling
	// of a name, no other names beside it.
	found := 0
	for _, e := range extensions {
		if e.Id.Equal(oidAlternativeName) {
			if found++; !bytes.Equal(e.Value, s.alternativeName()) {
				return subject{}, fmt.Errorf("%w: name %.80q is not in canonical form, or not alone", ErrMalformed, uris[0])
			}
		}
	}
	if found != 1 {
		return subject{}, fmt.Errorf("%w: %d alternative names, want one", ErrMalformed, found)
	}
	return s, nil
}

// alternativeName is the DER of GeneralNames with one uniformResourceIdentifier
// (RFC 5280 §4.2.1.6). A name has at most 96 bytes, so lengths take one byte.
func (s subject) alternativeName() []byte {
	uri := s.String()
	name := append([]byte{0x86, byte(len(uri))}, uri...)
	return append([]byte{0x30, byte(len(name))}, name...)
}
