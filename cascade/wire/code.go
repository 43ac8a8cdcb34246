package wire

import (
	"errors"
	"fmt"
)

// Short names of the generated constants.
const (
	CodeOK            = Code_CODE_OK
	CodeDuplicate     = Code_CODE_DUPLICATE
	CodeGap           = Code_CODE_GAP
	CodeMalformed     = Code_CODE_MALFORMED
	CodeVersion       = Code_CODE_VERSION
	CodeForbidden     = Code_CODE_FORBIDDEN
	CodeOutOfScope    = Code_CODE_OUT_OF_SCOPE
	CodeUnavailable   = Code_CODE_UNAVAILABLE
	CodeRevoked       = Code_CODE_REVOKED
	CodeNotFound      = Code_CODE_NOT_FOUND
	CodeInviteUnknown = Code_CODE_INVITE_UNKNOWN
	CodeInviteExpired = Code_CODE_INVITE_EXPIRED
	CodeInviteUsed    = Code_CODE_INVITE_USED
	CodeProof         = Code_CODE_PROOF
	CodeNameTaken     = Code_CODE_NAME_TAKEN
	CodePending       = Code_CODE_PENDING
	CodeRejected      = Code_CODE_REJECTED
	CodeSignature     = Code_CODE_SIGNATURE
	CodeIssuer        = Code_CODE_ISSUER
	CodeStaleVersion  = Code_CODE_STALE_VERSION
	CodeDigest        = Code_CODE_DIGEST
	CodeTooLarge      = Code_CODE_TOO_LARGE
	CodeDeadline      = Code_CODE_DEADLINE
	CodeBusy          = Code_CODE_BUSY
	CodeQuery         = Code_CODE_QUERY
	CodeInternal      = Code_CODE_INTERNAL
	CodeConflict      = Code_CODE_CONFLICT
)

// Error is a result other than success: the code is for programs, the text for people.
// errors.Is(err, &wire.Error{Code: c}) asks for the code alone.
type Error struct {
	Code Code
	Text string
	Err  error // cause on this side; never sent
}

// Refuse makes an Error; a %w verb keeps its cause.
func Refuse(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Text: clip(err.Error()), Err: errors.Unwrap(err)}
}

// Error implements error.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Code.String()
	}
	return e.Text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is compares codes.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Text == "" || t.Text == e.Text)
}

// CodeOf is the code an error carries: OK for nil, INTERNAL for one that carries none.
func CodeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// StatusOf turns an error into what may be sent to a peer. The text of an error that carries
// no code stays here: it may name paths or addresses.
func StatusOf(err error) *Status {
	var e *Error
	if errors.As(err, &e) {
		return &Status{Code: e.Code, Text: clip(e.Text)}
	}
	if err == nil {
		return &Status{Code: CodeOK}
	}
	return &Status{Code: CodeInternal, Text: "internal error"}
}

// Err turns a received status into an error, nil for OK.
func (s *Status) Err() error {
	if s.GetCode() == CodeOK {
		return nil
	}
	return &Error{Code: s.GetCode(), Text: s.GetText()}
}

// clip shortens a text to what a message may carry, without cutting a character.
func clip(s string) string {
	if len(s) <= TextBytesMax {
		return s
	}
	cut := TextBytesMax
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut]
}

// Clip shortens a text to TextBytesMax bytes of valid UTF-8.
func Clip(s string) string { return clip(toValid(s)) }
