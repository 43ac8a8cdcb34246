package http

import (
	"bytes"

	"fengsui/capture/event"
)

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "web")
	q, r := &t.Request, &t.Response
	if t.RequestSeen {
		e.Bytes(event.HTTPMethod, q.Method)
		e.Bytes(event.URLOriginal, q.RawURI)
		path, query, found := bytes.Cut(q.URI, []byte{'?'})
		e.Bytes(event.URLPath, path)
		if found {
			e.Bytes(event.URLQuery, query)
		}
		e.Bytes(event.URLDomain, q.Host)
		e.Bytes(event.UserAgent, q.Get("user-agent"))
		e.Bytes(event.HTTPReferrer, q.Get("referer"))
		e.Bytes(event.HTTPRequestMIME, mime(q.Get("content-type")))
		if q.Body.Wire > 0 {
			e.Uint(event.HTTPRequestBytes, q.Body.Wire)
		}
	}
	version := q.Protocol
	if version == nil {
		version = r.Protocol
	}
	e.Bytes(event.HTTPVersion, bytes.TrimPrefix(version, []byte("HTTP/")))
	if t.ResponseSeen {
		if r.Status > 0 {
			e.Uint(event.HTTPStatus, uint64(r.Status))
		}
		e.Bytes(event.HTTPResponseMIME, mime(r.Get("content-type")))
		e.Uint(event.HTTPResponseBytes, r.Body.Wire)
		e.Bytes(event.HTTPResponseServer, r.Get("server"))
		e.Bytes(event.HTTPResponseLocation, r.Get("location"))
	}
}

// mime is a Content-Type without its parameters.
func mime(v []byte) []byte {
	v, _, _ = bytes.Cut(v, []byte{';'})
	return bytes.TrimSpace(v)
}
