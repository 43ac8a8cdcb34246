package wire

import (
	"fmt"
	"strings"

	"fengsui/gmcrypto/identity"
)

// The helpers below check one field each and name it in the error. Check methods join them:
// the first broken rule is reported.

func malformed(field, format string, args ...any) error {
	return &Error{Code: CodeMalformed, Text: clip(field + ": " + fmt.Sprintf(format, args...))}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkSite(field, s string) error {
	if len(s) > SiteBytesMax {
		return malformed(field, "%d bytes, at most %d", len(s), SiteBytesMax)
	}
	if _, err := identity.ParseSite(s); err != nil {
		return malformed(field, "%v", err)
	}
	return nil
}

func checkSiteOrEmpty(field, s string) error {
	if s == "" {
		return nil
	}
	return checkSite(field, s)
}

// checkName wants 1..NameBytesMax bytes without control characters.
func checkName(field, s string) error {
	if s == "" {
		return malformed(field, "missing")
	}
	return checkText(field, s, NameBytesMax)
}

func checkText(field, s string, most int) error {
	if len(s) > most {
		return malformed(field, "%d bytes, at most %d", len(s), most)
	}
	for i, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return malformed(field, "control character at byte %d", i)
		}
	}
	return nil
}

func checkLen(field string, b []byte, want int) error {
	if len(b) != want {
		return malformed(field, "%d bytes, want %d", len(b), want)
	}
	return nil
}

func checkMost(field string, n, most int) error {
	if n > most {
		return malformed(field, "%d, at most %d", n, most)
	}
	return nil
}

func checkPositive(field string, n uint64) error {
	if n == 0 {
		return malformed(field, "missing")
	}
	return nil
}

func checkClass(field string, c Class) error {
	if !c.Valid() {
		return malformed(field, "%d is no class", int32(c))
	}
	return nil
}

func checkChain(field string, chain [][]byte, required bool) error {
	if required && len(chain) == 0 {
		return malformed(field, "missing")
	}
	if err := checkMost(field, len(chain), ChainCertsMax); err != nil {
		return err
	}
	for i, c := range chain {
		if len(c) == 0 || len(c) > CertBytesMax {
			return malformed(fmt.Sprintf("%s[%d]", field, i), "%d bytes, want 1..%d", len(c), CertBytesMax)
		}
	}
	return nil
}

func checkAddresses(field string, addrs []string) error {
	if err := checkMost(field, len(addrs), AddressesMax); err != nil {
		return err
	}
	for i, a := range addrs {
		if a == "" {
			return malformed(fmt.Sprintf("%s[%d]", field, i), "empty")
		}
		if err := checkText(fmt.Sprintf("%s[%d]", field, i), a, AddressBytesMax); err != nil {
			return err
		}
	}
	return nil
}

// each checks every element, naming its index in the error.
func each[T Checker](field string, list []T) error {
	for i, m := range list {
		if err := m.Check(); err != nil {
			return at(fmt.Sprintf("%s[%d]", field, i), err)
		}
	}
	return nil
}

// Checker is a message, or part of one, that can tell whether it keeps to the rules.
type Checker interface{ Check() error }

// at puts the enclosing field's name in front of an error's.
func at(field string, err error) error {
	if err == nil {
		return nil
	}
	e, ok := err.(*Error) //nolint:errorlint // made by this file, never wrapped
	if !ok {
		return err
	}
	return &Error{Code: e.Code, Text: clip(field + "." + e.Text), Err: e.Err}
}

func toValid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Check implements Checker.
func (m *Status) Check() error {
	if m == nil || m.Code <= 0 {
		return malformed("code", "missing")
	}
	return checkText("text", m.Text, TextBytesMax)
}
