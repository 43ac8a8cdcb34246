package monitor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Kind says how a number behaves.
type Kind uint8

// A Counter only grows while the process lives; a Gauge goes up and down.
const (
	Counter Kind = iota + 1
	Gauge
)

// Registry knows how to read every number the node publishes. Safe for concurrent use.
type Registry struct {
	prom *prometheus.Registry
}

// NewRegistry returns a registry that already holds the Go runtime's and the process's own numbers.
func NewRegistry() *Registry {
	r := &Registry{prom: prometheus.NewRegistry()}
	r.prom.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Family describes numbers of one name that differ in their labels.
type Family struct {
	Name   string   // such as fengsui_alerts_committed_total; counters end in _total, times in _seconds, sizes in _bytes
	Help   string   // one sentence
	Kind   Kind     //
	Labels []string // label names; nil for a single number
	// Read calls emit once for each combination of label values, in the order of Labels. It runs on the scraping goroutine.
	Read func(emit func(value float64, labels ...string))
}

// metricName is stricter than Prometheus, which has come to accept any text.
var metricName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Add registers a family. It returns an error when the name is taken or ill formed.
func (r *Registry) Add(f Family) error {
	var kind prometheus.ValueType
	switch f.Kind {
	case Counter:
		kind = prometheus.CounterValue
	case Gauge:
		kind = prometheus.GaugeValue
	default:
		return fmt.Errorf("metric %s: kind %d is neither counter nor gauge", f.Name, f.Kind)
	}
	if !metricName.MatchString(f.Name) {
		return fmt.Errorf("metric %q: names are lower-case words joined by underscores", f.Name)
	}
	if f.Read == nil || f.Help == "" {
		return fmt.Errorf("metric %s: wants a help text and a reader", f.Name)
	}
	c := &collector{desc: prometheus.NewDesc(f.Name, f.Help, f.Labels, nil), kind: kind, read: f.Read}
	if err := r.prom.Register(c); err != nil {
		return fmt.Errorf("metric %s: %w", f.Name, err)
	}
	return nil
}

// AddCounter registers a single counter.
func (r *Registry) AddCounter(name, help string, read func() float64) error {
	return r.Add(Family{Name: name, Help: help, Kind: Counter, Read: func(emit func(float64, ...string)) { emit(read()) }})
}

// AddGauge registers a single gauge.
func (r *Registry) AddGauge(name, help string, read func() float64) error {
	return r.Add(Family{Name: name, Help: help, Kind: Gauge, Read: func(emit func(float64, ...string)) { emit(read()) }})
}

// Histogram counts observed values in buckets. Safe for concurrent use.
type Histogram struct{ h prometheus.Histogram }

// AddHistogram registers a histogram with the given upper bounds, ascending.
func (r *Registry) AddHistogram(name, help string, buckets []float64) (*Histogram, error) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	if err := r.prom.Register(h); err != nil {
		return nil, fmt.Errorf("metric %s: %w", name, err)
	}
	return &Histogram{h}, nil
}

// Observe counts one value, in the unit the name ends in.
func (h *Histogram) Observe(v float64) { h.h.Observe(v) }

// Text renders every number in the Prometheus text format. What could be read is returned even when the error is not nil.
func (r *Registry) Text() ([]byte, error) {
	w := &page{header: http.Header{}}
	req, err := http.NewRequest(http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("render metrics: %w", err)
	}
	r.Handler().ServeHTTP(w, req)
	if w.status >= http.StatusBadRequest {
		return w.body.Bytes(), errors.New("render metrics: " + http.StatusText(w.status))
	}
	return w.body.Bytes(), nil
}

// Handler serves the metrics page.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.prom, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, DisableCompression: true})
}

// page is a response kept in memory.
type page struct {
	header http.Header
	body   bytes.Buffer
	status int
}

var _ io.Writer = (*page)(nil)

func (p *page) Header() http.Header         { return p.header }
func (p *page) WriteHeader(status int)      { p.status = status }
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }

// collector adapts one family to Prometheus.
type collector struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(emit func(value float64, labels ...string))
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	c.read(func(value float64, labels ...string) {
		m, err := prometheus.NewConstMetric(c.desc, c.kind, value, labels...)
		if err != nil {
			m = prometheus.NewInvalidMetric(c.desc, err)
		}
		ch <- m
	})
}
