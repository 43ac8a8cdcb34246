package records

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"fengsui/cascade/upload"
	"fengsui/cascade/wire"
	"fengsui/gmcrypto/identity"
	"fengsui/node/api"
	"fengsui/node/exchange"
	"fengsui/node/search"
)

// Limits of one step.
const (
	chunkRecords = 512
	tailRecords  = 256
)

// Config is what a Reader needs; Logger may be nil.
type Config struct {
	Site   identity.Site
	Ledger upload.Ledger
	Sealer upload.Sealer
	Logger *slog.Logger
}

// Reader reads a site's alert records.
type Reader struct{ cfg Config }

// Site is the site whose ledger it reads.
func (r *Reader) Site() identity.Site { return r.cfg.Site }

// New returns a Reader.
func New(cfg Config) (*Reader, error) {
	if cfg.Site == "" || cfg.Ledger == nil || cfg.Sealer == nil {
		return nil, errors.New("records: site, ledger and sealer are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Reader{cfg}, nil
}

// judge is what a filter asks of one record.
type judge struct {
	expr         *search.Expr
	since, until time.Time
}

func newJudge(expr string, since, until time.Time) (judge, error) {
	e, err := search.Parse(expr, time.Now())
	if err != nil {
		return judge{}, api.Problemf(api.CodeBadRequest, "see: fengsui query --help", "%v", err)
	}
	return judge{e, since, until}, nil
}

// blind says whether the judge can decide without opening payloads.
func (j judge) blind() bool { return j.expr.All() }

// times says whether the header's event time fits.
func (j judge) times(e *upload.Entry) bool {
	return (j.since.IsZero() || !e.At.Before(j.since)) && (j.until.IsZero() || e.At.Before(j.until))
}

// open returns the alert in an entry, nil when the entry is not chosen. A record whose type is unknown here is passed over: a newer site may
// send such.
func (r *Reader) open(j judge, e *upload.Entry) (*wire.Alert, error) {
	if !j.times(e) || e.Type != exchange.TypeAlert {
		return nil, nil
	}
	payload, err := e.Payload(r.cfg.Sealer)
	if err != nil {
		return nil, err
	}
	a, err := exchange.DecodeAlert(e.Type, payload)
	if err != nil {
		// It was accepted from a child as bytes; one bad payload must not hide the rest.
		r.cfg.Logger.Warn("a record cannot be read", "origin", e.Origin, "seq", e.Seq, "error", err)
		return nil, nil
	}
	if !j.blind() {
		row := exchange.Row(a, e.Origin.String(), e.Class, e.ID[:])
		if !j.expr.Match(&row) {
			return nil, nil
		}
	}
	return a, nil
}

// local gives an opened entry the form of the local API, without its position.
func local(a *wire.Alert, e *upload.Entry) api.Alert {
	out := exchange.Local(a, e.Origin.String(), e.ID[:])
	out.Epoch, out.Class, out.Seq = e.Epoch, exchange.ClassName(e.Class), e.Seq
	out.Received = e.Received.UTC()
	if out.Detected.IsZero() {
		out.Detected = e.Ingest.UTC()
	}
	return out
}

func lanesOf(origin string) (upload.Filter, error) {
	f := upload.Filter{Class: wire.ClassAlert}
	if origin == "" {
		return f, nil
	}
	site, err := identity.ParseSite(origin)
	if err != nil {
		return f, api.Problemf(api.CodeBadRequest, "", "origin: %v", err)
	}
	f.Origin = func(s identity.Site) bool { return s == site }
	return f, nil
}

func startOf(after string) (upload.Cursor, error) {
	if after == "" {
		return upload.Cursor{}, nil
	}
	c, err := decodePosition(after)
	if err != nil {
		return nil, api.Problemf(api.CodeBadRequest, "use a position this site gave", "after: %v", err)
	}
	return c, nil
}

// ordered sorts a chunk by the time received without ever turning two records of one lane round, whatever the clocks did.
func ordered(entries []*upload.Entry) []*upload.Entry {
	slices.SortFunc(entries, func(a, b *upload.Entry) int {
		if c := compareLanes(a.LaneKey, b.LaneKey); c != 0 {
			return c
		}
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	at := make(map[*upload.Entry]time.Time, len(entries))
	for i, e := range entries {
		at[e] = e.Received
		if i > 0 && entries[i-1].LaneKey == e.LaneKey && at[entries[i-1]].After(e.Received) {
			at[e] = at[entries[i-1]]
		}
	}
	slices.SortStableFunc(entries, func(a, b *upload.Entry) int { return at[a].Compare(at[b]) })
	return entries
}

// walk calls f for the records behind the cursor, moving the cursor past each, until f returns false or nothing is left.
func (r *Reader) walk(ctx context.Context, lanes upload.Filter, cursor upload.Cursor, f func(*upload.Entry) (bool, error)) (end bool, err error) {
	ahead := upload.Cursor{}
	for k, v := range cursor {
		ahead[k] = v
	}
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		chunk, err := r.chunk(lanes, ahead, chunkRecords)
		if err != nil {
			return false, err
		}
		if len(chunk) == 0 {
			return true, nil
		}
		for _, e := range ordered(chunk) {
			cursor[e.LaneKey] = e.Seq
			if more, err := f(e); err != nil || !more {
				return false, err
			}
		}
	}
}

// Alerts returns a page.
func (r *Reader) Alerts(ctx context.Context, f api.AlertFilter) (api.AlertPage, error) {
	page := api.AlertPage{Alerts: []api.Alert{}}
	j, err := newJudge(f.Expr, f.Since, f.Until)
	if err != nil {
		return page, err
	}
	lanes, err := lanesOf(f.Origin)
	if err != nil {
		return page, err
	}
	if f.Newest {
		page.Alerts, err = r.newest(ctx, lanes, j, f.Limit)
		return page, err
	}
	cursor, err := startOf(f.After)
	if err != nil {
		return page, err
	}
	end, err := r.walk(ctx, lanes, cursor, func(e *upload.Entry) (bool, error) {
		a, err := r.open(j, e)
		if a != nil {
			out := local(a, e)
			out.Position = encodePosition(cursor)
			page.Alerts = append(page.Alerts, out)
		}
		return len(page.Alerts) < f.Limit, err
	})
	if err == nil && !end {
		page.Next = encodePosition(cursor)
	}
	return page, err
}

// AlertIDs returns a page of the short form. Without an expression no payload is opened.
func (r *Reader) AlertIDs(ctx context.Context, f api.AlertFilter) (api.AlertIDPage, error) {
	page := api.AlertIDPage{IDs: []api.AlertID{}}
	j, err := newJudge(f.Expr, f.Since, f.Until)
	if err != nil {
		return page, err
	}
	lanes, err := lanesOf(f.Origin)
	if err != nil {
		return page, err
	}
	cursor, err := startOf(f.After)
	if err != nil {
		return page, err
	}
	end, err := r.walk(ctx, lanes, cursor, func(e *upload.Entry) (bool, error) {
		chosen := j.times(e)
		if chosen && !j.blind() {
			a, err := r.open(j, e)
			if err != nil {
				return false, err
			}
			chosen = a != nil
		}
		if chosen {
			page.IDs = append(page.IDs, api.AlertID{
				ID: fmt.Sprintf("%x", e.ID), Origin: e.Origin.String(), Epoch: e.Epoch, Class: exchange.ClassName(e.Class), Seq: e.Seq,
			})
		}
		return len(page.IDs) < f.Limit, nil
	})
	if err == nil && !end {
		page.Next = encodePosition(cursor)
	}
	return page, err
}

// Tail emits what is committed from the requested position on, until ctx ends.
func (r *Reader) Tail(ctx context.Context, req api.TailRequest, emit func([]api.Alert) error) error {
	j, err := newJudge(req.Expr, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	lanes, err := lanesOf(req.Origin)
	if err != nil {
		return err
	}
	var cursor upload.Cursor
	switch req.After {
	case "":
		cursor, err = r.tailFrom(lanes)
	case api.TailStart:
		cursor = upload.Cursor{}
	default:
		cursor, err = startOf(req.After)
	}
	if err != nil {
		return err
	}
	if err := emit(nil); err != nil {
		return err
	}
	ahead := upload.Cursor{}
	for k, v := range cursor {
		ahead[k] = v
	}
	for {
		changed := r.cfg.Ledger.Watch()
		chunk, err := r.chunk(lanes, ahead, tailRecords)
		if err != nil {
			return err
		}
		if len(chunk) == 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			}
			continue
		}
		var out []api.Alert
		for _, e := range ordered(chunk) {
			cursor[e.LaneKey] = e.Seq
			a, err := r.open(j, e)
			if err != nil {
				return err
			}
			if a != nil {
				l := local(a, e)
				l.Position = encodePosition(cursor)
				out = append(out, l)
			}
		}
		if len(out) > 0 {
			if err := emit(out); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}
