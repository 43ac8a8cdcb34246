package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogHidesSecretsByNameAndByShape(t *testing.T) {
	const token = "fs1.QUJDREVGR0hJSktM"
	const pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----"
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		l, err := NewLogger(&b, "debug", format)
		if err != nil {
			t.Fatal(err)
		}
		l.Info("joined with "+token, "peer", "440106/n1", "Token", "hunter2", "err", fmt.Errorf("bad token %s", token), "pem", pem, "raw", []byte("hunter2"))
		l.With("src_ip", "203.0.113.9").WithGroup("g").Warn("x", slog.Group("h", "password", "hunter2"), "any", struct{ A string }{token}, "n", 7)
		for _, secret := range []string{token, "hunter2", "MIGHAgEA", "203.0.113.9"} {
			if strings.Contains(b.String(), secret) {
				t.Errorf("%s log shows %q:\n%s", format, secret, b.String())
			}
		}
		for _, kept := range []string{"440106/n1", "[7 bytes]", redacted, "bad token"} {
			if !strings.Contains(b.String(), kept) {
				t.Errorf("%s log lacks %q:\n%s", format, kept, b.String())
			}
		}
	}
}

func TestLogLevelAndFormat(t *testing.T) {
	var b bytes.Buffer
	l, err := NewLogger(&b, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	l.Info("quiet")
	l.Error("loud", "text", strings.Repeat("長", logValueBytesMax))
	var line struct{ Msg, Text, Level string }
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, b.String())
	}
	if line.Msg != "loud" || line.Level != "ERROR" || len(line.Text) > logValueBytesMax+4 || !strings.HasSuffix(line.Text, "…") {
		t.Errorf("%+v", line)
	}
	for _, bad := range [][2]string{{"loud", "text"}, {"info", "xml"}} {
		if _, err := NewLogger(io.Discard, bad[0], bad[1]); err == nil {
			t.Errorf("%v accepted", bad)
		}
	}
}

func TestMetricsAreReadWhenAsked(t *testing.T) {
	r := NewRegistry()
	n := 1.0
	if err := errors.Join(
		r.AddCounter("fengsui_test_total", "Test.", func() float64 { return n }),
		r.AddGauge("fengsui_test_bytes", "Test.", func() float64 { return -n }),
		r.Add(Family{Name: "fengsui_lanes", Help: "Test.", Kind: Gauge, Labels: []string{"origin", "class"}, Read: func(emit func(float64, ...string)) {
			emit(3, "440106", "alert")
			emit(4, "440111", "alert")
		}}),
	); err != nil {
		t.Fatal(err)
	}
	h, err := r.AddHistogram("fengsui_test_seconds", "Test.", []float64{0.1, 1})
	if err != nil {
		t.Fatal(err)
	}
	h.Observe(0.05)
	h.Observe(5)
	n = 2
	text, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nfengsui_test_total 2\n", "\nfengsui_test_bytes -2\n", `fengsui_lanes{class="alert",origin="440106"} 3`,
		`fengsui_lanes{class="alert",origin="440111"} 4`, `fengsui_test_seconds_bucket{le="1"} 1`, "fengsui_test_seconds_count 2", "go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("page lacks %q", want)
		}
	}
}

func TestMetricsRefuseWhatTheyCannotPublish(t *testing.T) {
	r := NewRegistry()
	read := func() float64 { return 0 }
	if err := r.AddGauge("a", "A.", read); err != nil {
		t.Fatal(err)
	}
	none := func(emit func(float64, ...string)) {}
	for name, err := range map[string]error{
		"name taken":      r.AddGauge("a", "A.", read),
		"bad name":        r.AddGauge("a b", "A.", read),
		"no help":         r.AddGauge("b", "", read),
		"no kind":         r.Add(Family{Name: "c", Help: "C.", Read: none}),
		"no reader":       r.Add(Family{Name: "d", Help: "D.", Kind: Gauge}),
		"histogram taken": func() error { _, err := r.AddHistogram("a", "A.", nil); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// A reader that gives the wrong number of labels spoils its own family only.
	if err := r.Add(Family{Name: "e", Help: "E.", Kind: Gauge, Labels: []string{"x"}, Read: func(emit func(float64, ...string)) { emit(1) }}); err != nil {
		t.Fatal(err)
	}
	text, _ := r.Text()
	if !strings.Contains(string(text), "\na 0\n") {
		t.Errorf("a good family is missing:\n%.300s", text)
	}
}

func TestHealthIsTheWorstOfItsChecks(t *testing.T) {
	h := NewHealth()
	if r := h.Report(t.Context()); r.State != OK || len(r.Findings) != 0 {
		t.Errorf("empty: %+v", r)
	}
	h.Add("a", func(context.Context) (State, string) { return OK, "fine" })
	h.Add("b", func(context.Context) (State, string) { return Degraded, "slow" })
	if r := h.Report(t.Context()); r.State != Degraded || r.Findings[0].Detail != "fine" || r.Findings[1].Name != "b" {
		t.Errorf("%+v", r)
	}
	h.Add("c", func(context.Context) (State, string) { return Failing, "gone" })
	if r := h.Report(t.Context()); r.State != Failing || r.State.String() != "failing" {
		t.Errorf("%+v", r)
	}
}

func TestHangingCheckDoesNotHangTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth()
		release := make(chan struct{})
		var calls atomic.Int32
		h.Add("stuck", func(context.Context) (State, string) { calls.Add(1); <-release; return OK, "" })
		h.Add("fine", func(context.Context) (State, string) { return OK, "" })
		began := time.Now()
		r := h.Report(t.Context())
		if took := time.Since(began); took != checkBudget || r.State != Failing || r.Findings[0].State != Failing || r.Findings[1].State != OK {
			t.Errorf("after %s: %+v", took, r)
		}
		if r := h.Report(t.Context()); !strings.Contains(r.Findings[0].Detail, "has not returned") || calls.Load() != 1 {
			t.Errorf("asked again while stuck: %+v, %d calls", r, calls.Load())
		}
		close(release)
		synctest.Wait()
		if r := h.Report(t.Context()); r.State != OK {
			t.Errorf("after release: %+v", r)
		}
	})
}

func TestServerServesAndStops(t *testing.T) {
	r, h := NewRegistry(), NewHealth()
	state := OK
	h.Add("part", func(context.Context) (State, string) { return state, "detail" })
	s, err := Listen("127.0.0.1:0", r, h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(s.Addr().String(), r, h); err == nil || !strings.Contains(err.Error(), "metrics.listen") {
		t.Errorf("port in use: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := &http.Client{Timeout: 10 * time.Second}
	get := func(path string) (int, string) {
		t.Helper()
		res, err := client.Get("http://" + s.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if code, body := get("/metrics"); code != 200 || !strings.Contains(body, "go_goroutines") {
		t.Errorf("%d %.80s", code, body)
	}
	if code, body := get("/healthz"); code != 200 || body != `{"status":"ok","checks":[{"name":"part","status":"ok","detail":"detail"}]}`+"\n" {
		t.Errorf("%d %s", code, body)
	}
	state = Failing
	if code, _ := get("/healthz"); code != 503 {
		t.Errorf("failing answers %d", code)
	}
	if code, _ := get("/"); code != 404 {
		t.Errorf("/ answers %d", code)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
}
