package detect

import (
	"crypto/md5"  //nolint:gosec // a name for a file that lists of known files use
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"maps"

	"fengsui/analyze/intel"
	"fengsui/analyze/yara"
	"fengsui/capture/file"
	"fengsui/gmcrypto"
)

// load reads what judges beside the rules: indicators and YARA rules.
func (j *job) load() error {
	wanted := maps.Clone(j.s.digests) // by filemd5 and its like
	if wanted == nil {
		wanted = map[string]bool{}
	}
	if j.s.eve != "" && j.s.types.Has("fileinfo") || j.s.extract != "" {
		wanted["md5"], wanted["sha256"] = true, true
	}
	if len(j.s.indicators) > 0 {
		set, err := readIndicators(j.s.indicators)
		if err != nil {
			return err
		}
		for _, name := range set.Digests() {
			wanted[name] = true
		}
		j.more = append(j.more, intel.NewDetector(set))
	}
	if len(j.s.yara) > 0 {
		set, err := readYARA(j.s.yara)
		if err != nil {
			return err
		}
		j.more = append(j.more, yara.NewDetector(set))
	}
	for _, d := range []file.Digest{{Name: "md5", New: md5.New}, {Name: "sha1", New: sha1.New}, {Name: "sha256", New: sha256.New}, {Name: "sm3", New: newSM3}} {
		if wanted[d.Name] {
			j.digests = append(j.digests, d)
		}
	}
	return nil
}

func newSM3() hash.Hash { return gmcrypto.NewSM3() }

// readIndicators reads indicator lists: a line each, as `fengsui policy issue indicators` takes them. A line that cannot be read is an error with its place.
func readIndicators(names []string) (*intel.Set, error) {
	var sets []*intel.Set
	for _, name := range names {
		text, err := readLimited(name, dataFileBytesMax)
		if err != nil {
			return nil, fmt.Errorf("indicators: %w", err)
		}
		set, problems := intel.Parse(name, string(text))
		if len(problems) > 0 {
			return nil, fmt.Errorf("indicators: %w%s", &problems[0], others(len(problems)))
		}
		sets = append(sets, set)
	}
	return intel.Merge(sets...), nil
}

func others(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (and %d further lines)", n-1)
}

// readYARA compiles YARA rules; a build without them says so.
func readYARA(names []string) (*yara.Set, error) {
	var sources []yara.Source
	for _, name := range names {
		text, err := readLimited(name, dataFileBytesMax)
		if err != nil {
			return nil, fmt.Errorf("yara: %w", err)
		}
		sources = append(sources, yara.Source{Name: name, Text: string(text)})
	}
	set, problems, err := yara.Compile(sources)
	switch {
	case errors.Is(err, yara.ErrNotBuilt):
		return nil, fmt.Errorf("--yara: %w", err)
	case err != nil:
		return nil, err
	case len(problems) > 0:
		return nil, fmt.Errorf("yara: %v%s", problems[0], others(len(problems)))
	}
	return set, nil
}
