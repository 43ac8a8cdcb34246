package rules

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"fengsui/analyze/signature"
	"fengsui/capture/pipeline"
	"fengsui/capture/source"
)

// Explain is `fengsui rules explain`: it runs the rules over captures and tells of one of them where it matched or failed.
func Explain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := newFlags().withTraffic()
	attempts := f.Int("attempts", 3, "")
	if err := f.parse(args); err != nil {
		return end("explain", stderr, usageError{err})
	}
	err := explain(ctx, f, *attempts, stdout)
	return end("explain", stderr, err)
}

func explain(ctx context.Context, f *flags, attempts int, stdout io.Writer) error {
	switch {
	case len(f.args) != 1:
		return usagef("want one SID, such as 2028765 (or GID:SID)")
	case len(f.rules) == 0:
		return usagef("no rules: give --rules FILE")
	case len(f.pcaps) == 0:
		return usagef("no traffic: give --pcap FILE")
	case attempts < 1:
		return usagef("--attempts %d: want 1 or more", attempts)
	}
	gid, sid, err := ruleID(f.args[0])
	if err != nil {
		return err
	}
	files, err := f.files(f.rules)
	if err != nil {
		return err
	}
	sources, opt, err := files.Read(nil)
	if err != nil {
		return err
	}
	e, err := signature.NewExplainer(sources, opt, gid, sid)
	if err != nil {
		return err
	}
	stats, err := f.run(ctx, e)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	x := e.Explain()
	if f.json {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		err = enc.Encode(x)
	} else {
		p := &printer{w: out}
		p.explanation(x, attempts)
		if stats.BadChecksum > 0 {
			p.line("\n%d TCP segments with a wrong checksum were not used; if the capture was taken on the sending host, give --checksum-validation=false", stats.BadChecksum)
		}
	}
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// run takes the captures through an inspector.
func (f *flags) run(ctx context.Context, insp pipeline.Inspector) (pipeline.Stats, error) {
	w := pipeline.New(pipeline.Config{IgnoreChecksums: !f.checksums, Midstream: f.midstream, AsyncOneside: f.async}, []pipeline.Inspector{insp}, nil)
	if err := w.Run(ctx, source.PcapFiles(f.pcaps, source.FileOptions{})); err != nil {
		return pipeline.Stats{}, err
	}
	return w.Stats(), ctx.Err()
}

// ruleID reads SID or GID:SID.
func ruleID(text string) (gid, sid uint32, err error) {
	g, s, both := strings.Cut(text, ":")
	if !both {
		g, s = "1", text
	}
	x, err1 := strconv.ParseUint(g, 10, 32)
	y, err2 := strconv.ParseUint(s, 10, 32)
	if err1 != nil || err2 != nil || y == 0 {
		return 0, 0, usagef("%q is no rule: want its SID, such as 2028765, or GID:SID", text)
	}
	return uint32(x), uint32(y), nil
}
