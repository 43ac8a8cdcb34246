package policy

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Kinds of documents a node applies.
const (
	KindRuleset    = "ruleset"
	KindIndicators = "indicators"
	KindBlocklist  = "blocklist"
)

const (
	bodyBytesMax   = 64 << 20
	reasonsShown   = 3
	reasonBytesMax = 900
)

// Kinds lists the kinds in the order they are applied.
func Kinds() []string { return []string{KindRuleset, KindIndicators, KindBlocklist} }

// Known says whether a kind is applied here.
func Known(kind string) bool { return slices.Contains(Kinds(), kind) }

// Key names a document over all its versions.
type Key struct{ Issuer, Kind, Name string }

// String is how a document is named in logs and alerts.
func (k Key) String() string { return k.Issuer + "/" + k.Kind + "/" + k.Name }

// Document is one version, opened.
type Document struct {
	Key
	Version uint64
	Body    []byte // plain text
}

// Head is a document with the versions that are there, newest first.
type Head struct {
	Key
	Versions []uint64
	Load     func(ctx context.Context, version uint64) ([]byte, error)
}

// Verdict is what this node did with the newest version of a document.
type Verdict struct {
	Key
	Version uint64
	Applied bool
	Reason  string // why not
}

// Builder makes what one kind of documents stands for together.
type Builder interface {
	// Build makes one set of all documents without putting it into force. refused names every document that cannot be part of it, with the
	// reason; only when it is empty is install called. install puts the set into force, wholly or not at all.
	Build(docs []Document) (install func(context.Context) (size int, err error), refused map[Key]string)
}

// Applier decides which versions are in force.
type Applier struct {
	builders map[string]Builder
	log      *slog.Logger

	last map[string]result // by kind; owned by Apply

	mu      sync.Mutex
	summary Summary
}

type result struct {
	fingerprint string
	verdicts    []Verdict
	size        int
	failed      bool // install failed: try again next time
}

// Summary tells what is in force.
type Summary struct {
	Sizes    map[string]int // rules, indicators, prefixes by kind
	Verdicts []Verdict
}

// New returns an Applier. builders are by kind; a kind without one is refused with that reason.
func New(builders map[string]Builder, log *slog.Logger) *Applier {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Applier{builders: builders, log: log, last: map[string]result{}}
}

// Summary returns what the last Apply left in force.
func (a *Applier) Summary() Summary {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Summary{Sizes: map[string]int{}, Verdicts: slices.Clone(a.summary.Verdicts)}
	for k, v := range a.summary.Sizes {
		s.Sizes[k] = v
	}
	return s
}

// Apply puts the documents into force and returns a verdict on each of a known kind. A kind whose documents have not changed since the last call
// is left alone. The error is of loading a body; what could be applied was.
func (a *Applier) Apply(ctx context.Context, heads []Head) ([]Verdict, error) {
	var all []Verdict
	var faults []error
	sizes := map[string]int{}
	for _, kind := range Kinds() {
		var mine []Head
		for _, h := range heads {
			if h.Kind == kind && len(h.Versions) > 0 {
				mine = append(mine, h)
			}
		}
		slices.SortFunc(mine, func(x, y Head) int { return strings.Compare(x.Key.String(), y.Key.String()) })
		print := fingerprint(mine)
		res, known := a.last[kind]
		if !known || res.fingerprint != print || res.failed {
			fresh, err := a.applyKind(ctx, kind, mine)
			if err != nil {
				faults = append(faults, fmt.Errorf("apply %s documents: %w", kind, err))
			} else {
				fresh.fingerprint = print
				res = fresh
				a.last[kind] = res
			}
		}
		all = append(all, res.verdicts...)
		sizes[kind] = res.size
	}
	a.mu.Lock()
	a.summary = Summary{Sizes: sizes, Verdicts: slices.Clone(all)}
	a.mu.Unlock()
	return all, errors.Join(faults...)
}

func fingerprint(heads []Head) string {
	var b strings.Builder
	for _, h := range heads {
		fmt.Fprintf(&b, "%s@%d\n", h.Key, h.Versions[0])
	}
	return b.String()
}

// applyKind tries the newest version of each document, then older ones of those that are refused, until a set stands.
func (a *Applier) applyKind(ctx context.Context, kind string, heads []Head) (result, error) {
	reasons := map[Key]string{} // why the newest version is not in force
	at := map[Key]int{}         // index of the version being tried
	builder := a.builders[kind]
	if builder == nil {
		for _, h := range heads {
			reasons[h.Key] = "this node does not apply documents of kind " + kind
		}
		return result{verdicts: verdicts(heads, reasons)}, nil
	}
	for {
		var docs []Document
		for _, h := range heads {
			if at[h.Key] >= len(h.Versions) {
				continue
			}
			version := h.Versions[at[h.Key]]
			body, err := h.Load(ctx, version)
			if err != nil {
				return result{}, fmt.Errorf("open %s version %d: %w", h.Key, version, err)
			}
			docs = append(docs, Document{h.Key, version, body})
		}
		refused := map[Key]string{}
		for i := range docs {
			var err error
			if docs[i].Body, err = plain(docs[i].Body); err != nil {
				refused[docs[i].Key] = err.Error()
			}
		}
		var install func(context.Context) (int, error)
		if len(refused) == 0 {
			install, refused = builder.Build(docs)
		}
		if len(refused) == 0 {
			return a.install(ctx, heads, reasons, install)
		}
		for key, reason := range refused {
			if _, newest := reasons[key]; !newest {
				reasons[key] = clip(reason)
			}
			at[key]++
		}
		if err := ctx.Err(); err != nil {
			return result{}, err
		}
	}
}

func (a *Applier) install(ctx context.Context, heads []Head, reasons map[Key]string, install func(context.Context) (int, error)) (result, error) {
	size, err := install(ctx)
	if ctx.Err() != nil {
		return result{}, ctx.Err()
	}
	if err != nil {
		for _, h := range heads {
			if _, refused := reasons[h.Key]; !refused {
				reasons[h.Key] = clip(err.Error())
			}
		}
		a.log.Warn("documents could not be put into force: the reason is in their status", "documents", len(heads))
		return result{verdicts: verdicts(heads, reasons), failed: true}, nil
	}
	return result{verdicts: verdicts(heads, reasons), size: size}, nil
}

func verdicts(heads []Head, reasons map[Key]string) []Verdict {
	list := make([]Verdict, 0, len(heads))
	for _, h := range heads {
		reason, refused := reasons[h.Key]
		list = append(list, Verdict{h.Key, h.Versions[0], !refused, reason})
	}
	return list
}

// plain opens gzip and checks that the body is text.
func plain(body []byte) ([]byte, error) {
	if len(body) >= 2 && body[0] == 0x1f && body[1] == 0x8b {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("the body is damaged gzip: %w", err)
		}
		if body, err = io.ReadAll(io.LimitReader(z, bodyBytesMax+1)); err != nil {
			return nil, fmt.Errorf("the body is damaged gzip: %w", err)
		}
	}
	if len(body) > bodyBytesMax {
		return nil, fmt.Errorf("the body is over %d bytes", bodyBytesMax)
	}
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8 text")
	}
	return body, nil
}

// Reasons joins the first refusals of a document into the text of a verdict.
func Reasons(list []string) string {
	text := strings.Join(list[:min(len(list), reasonsShown)], "; ")
	if more := len(list) - reasonsShown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return clip(text)
}

func clip(s string) string {
	if len(s) <= reasonBytesMax {
		return s
	}
	cut := reasonBytesMax
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
