package transform

import "golang.org/x/net/publicsuffix"

// domain gives the registered part of a host name: one label below its public suffix. A name that has none stays as it is.
func domain(dst, in []byte) []byte {
	if name, err := publicsuffix.EffectiveTLDPlusOne(string(in)); err == nil {
		return append(dst, name...)
	}
	return append(dst, in...)
}

// tld gives the public suffix of a host name ("com", "co.uk").
func tld(dst, in []byte) []byte {
	suffix, _ := publicsuffix.PublicSuffix(string(in))
	return append(dst, suffix...)
}
