package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"fengsui/node/api"
	"fengsui/node/cli/text"
)

// printJSON writes one JSON object and a newline.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// printAll writes items as one JSON object a line, or as a table.
func printAll[T any](f *flags, items []T, header []string, row func(T) []any) error {
	if *f.json {
		for _, item := range items {
			if err := printJSON(f.env.Stdout, item); err != nil {
				return err
			}
		}
		return nil
	}
	t := text.NewTable(header...)
	for _, item := range items {
		t.Row(row(item)...)
	}
	return t.Print(f.env.Stdout)
}

// pairs writes name and value lines, the names in one column.
func pairs(w io.Writer, namesAndValues ...any) error {
	width := 0
	for i := 0; i < len(namesAndValues); i += 2 {
		width = max(width, text.Width(fmt.Sprint(namesAndValues[i])))
	}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		if _, err := fmt.Fprintf(w, "%s  %s\n", text.Pad(fmt.Sprint(namesAndValues[i]), width), text.Clean(fmt.Sprint(namesAndValues[i+1]))); err != nil {
			return err
		}
	}
	return nil
}

// when shows a time as a person at this machine reads it.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05.000")
}

// since shows how long ago a time was.
func since(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Since(t).Round(time.Second).String()
}

func endpoint(ip string, port uint16) string {
	if port == 0 {
		return ip
	}
	return net.JoinHostPort(ip, strconv.Itoa(int(port)))
}

func alertRow(a api.Alert) []any {
	what := a.Msg
	if a.Indicator != "" {
		what += " [" + a.Indicator + "]"
	}
	return []any{when(a.Detected), a.Origin + "/" + a.Sensor, a.Severity, endpoint(a.SrcIP, a.SrcPort), endpoint(a.DestIP, a.DestPort), a.Count, what}
}

var alertHeader = []string{"detected", "sensor", "severity>", "source", "destination", "count>", "alert…"}
