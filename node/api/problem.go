package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Code names a refusal for programs. Codes are never renamed or reused.
type Code string

// Codes of problems.
const (
	CodeBadRequest  Code = "bad_request"   // the caller sent something wrong
	CodeNotFound    Code = "not_found"     // no such site, policy, job, route
	CodeConflict    Code = "conflict"      // the state forbids it
	CodeRefused     Code = "refused"       // rules of the system forbid it
	CodeTooLarge    Code = "too_large"     // over a size limit
	CodeNoQuorum    Code = "no_quorum"     // the site has no leader or no majority: read-only
	CodeUnavailable Code = "unavailable"   // this part is not running now
	CodeBusy        Code = "busy"          // too many calls or jobs at once
	CodeTimeout     Code = "timeout"       // the outcome may still come
	CodeInternal    Code = "internal"      // our fault
	CodeNotAllowed  Code = "not_allowed"   // the caller's uid may not
	CodeBadMethod   Code = "bad_method"    // the route exists, the method does not
	CodeNotRunning  Code = "not_running"   // client side: nothing answers on the socket
	CodeInterrupted Code = "interrupted"   // client side: the stream broke
	CodeUnreadable  Code = "unreadable"    // client side: the answer is not what this version speaks
	CodeNoSuchRoute Code = "no_such_route" // the node is of another version
)

// Problem is the body of every answer that is not a success, and the error a Client returns.
type Problem struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`        // one line, lower case: what and where
	Hint    string `json:"hint,omitempty"` // what to do about it
}

// Error returns the message, with the hint behind it.
func (p *Problem) Error() string {
	if p.Hint == "" {
		return p.Message
	}
	return p.Message + " (" + p.Hint + ")"
}

// Is makes errors.Is(err, &Problem{Code: …}) compare codes.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Code == p.Code
}

// Problemf builds a problem.
func Problemf(code Code, hint, format string, args ...any) *Problem {
	return &Problem{Code: code, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of the problem in err's chain, or "" where there is none.
func CodeOf(err error) Code {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// httpStatus maps a code to the HTTP status it travels with.
func httpStatus(c Code) int {
	switch c {
	case CodeBadRequest:
		return http.StatusBadRequest
	case CodeNotFound, CodeNoSuchRoute:
		return http.StatusNotFound
	case CodeConflict:
		return http.StatusConflict
	case CodeRefused:
		return http.StatusUnprocessableEntity
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeNoQuorum, CodeUnavailable:
		return http.StatusServiceUnavailable
	case CodeBusy:
		return http.StatusTooManyRequests
	case CodeTimeout:
		return http.StatusGatewayTimeout
	case CodeNotAllowed:
		return http.StatusForbidden
	case CodeBadMethod:
		return http.StatusMethodNotAllowed
	default:
		return http.StatusInternalServerError
	}
}
