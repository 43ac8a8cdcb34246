package monitor

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// redacted stands for what the log does not show.
const redacted = "[redacted]"

// logValueBytesMax bounds one value in the log; a peer's error text must not flood it.
const logValueBytesMax = 2048

// secretShapes are texts that give something away wherever they appear: enrolment tokens and PEM blocks.
var secretShapes = regexp.MustCompile(`fs1\.[A-Za-z0-9_-]{8,}|-----BEGIN [A-Z0-9 ]+-----(?s:.*?)(?:-----END [A-Z0-9 ]+-----|$)`)

// secretNames are attribute names whose values are never logged: what opens doors, and what says who attacked whom with what.
var secretNames = map[string]bool{
	"token": true, "secret": true, "password": true, "passphrase": true, "private_key": true, "key": true, "data_key": true,
	"authorization": true, "cookie": true, "signature_msg": true, "src_ip": true, "dest_ip": true, "src": true, "dst": true,
	"indicator": true, "payload": true, "sni": true, "url": true, "rule": true, "body": true,
}

// NewLogger returns the logger of a process. level is debug, info, warn or error, format is text or json; anything else is an
// error, although node/config has already refused it.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l, ReplaceAttr: redact}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log format %q: want text or json", format)
}

// redact is slog's ReplaceAttr: it sees every attribute, the message included, after LogValuers have been asked.
func redact(_ []string, a slog.Attr) slog.Attr {
	if secretNames[strings.ToLower(a.Key)] {
		return slog.String(a.Key, redacted)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(scrub(a.Value.String()))
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case []byte:
			a.Value = slog.StringValue(fmt.Sprintf("[%d bytes]", len(v)))
		case error:
			a.Value = slog.StringValue(scrub(v.Error()))
		case *slog.Source, slog.Level:
		default:
			a.Value = slog.StringValue(scrub(fmt.Sprintf("%v", v)))
		}
	}
	return a
}

// scrub removes secrets from a text and bounds its length.
func scrub(s string) string {
	s = secretShapes.ReplaceAllString(s, redacted)
	if len(s) > logValueBytesMax {
		s = strings.ToValidUTF8(s[:logValueBytesMax], "") + "…"
	}
	return s
}
