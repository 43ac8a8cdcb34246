package identity

import (
	"errors"
	"fmt"
)

// Why a certificate, request or chain was refused; match with errors.Is.
var (
	// ErrMalformed means the bytes are not a certificate of our profile.
	ErrMalformed = errors.New("not a certificate of the expected form")
	// ErrUntrusted means the chain ends at no authority that is trusted here.
	ErrUntrusted = errors.New("chain does not lead to a trusted root")
	// ErrSignature means a certificate is not signed by the one above it.
	ErrSignature = errors.New("certificate is not signed by the one above it")
	// ErrLevel means an authority signed for a site that is not its own or below.
	ErrLevel = errors.New("authority may not sign for this site")
	// ErrPathLength means there are more authorities below than one of them allows.
	ErrPathLength = errors.New("too many authorities in the chain")
	// ErrKeyUsage means a certificate is used for what it was not issued for.
	ErrKeyUsage = errors.New("certificate is not issued for this use")
	// ErrExpired means everything holds, but a certificate's time is over.
	ErrExpired = errors.New("certificate has expired")
	// ErrNotYetValid means everything holds, but a certificate's time has not come.
	ErrNotYetValid = errors.New("certificate is not valid yet")
	// ErrGuest means the chain is a newcomer's self-signed certificate.
	ErrGuest = errors.New("guest certificate: good for enrolment only")
)

// ChainError tells which certificate of a chain was refused.
type ChainError struct {
	Index   int    // position in the chain, 0 is the leaf
	Subject string // its name, such as "fengsui:node:440106:n1"
	Reason  error  // one of the package's sentinels, perhaps wrapped
}

// Error names the certificate and the reason.
func (e *ChainError) Error() string {
	return fmt.Sprintf("certificate %d of the chain (%s): %v", e.Index+1, e.Subject, e.Reason)
}

// Unwrap gives the reason.
func (e *ChainError) Unwrap() error { return e.Reason }
