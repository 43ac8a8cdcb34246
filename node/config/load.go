package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// fileBytesMax bounds a configuration file. The example is under 8 KiB; the YAML parser recurses, and its time grows with the
// square of a hostile text (1.2 s for the worst one of this size).
const fileBytesMax = 32 << 10

// Overrides are the settings that come from outside the file.
type Overrides struct {
	Environ []string          // as os.Environ returns it; only FENGSUI_* is looked at
	Flags   map[string]string // key path to text; wins over everything
}

// Load reads the file at path, applies the overrides and checks the whole. The error is a Problems holding everything that is
// wrong, or, when the file cannot be read at all, an error that says so.
func Load(path string, o Overrides) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w; write one with `fengsui node init`", err)
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find configuration %s: %w", path, err)
	}
	c, problems := parse(path, filepath.Dir(abs), text)
	c.Path = abs
	problems = append(problems, override(c, o)...)
	if len(problems) == 0 {
		problems = append(problems, relate(c, path)...)
	} else {
		// Relations are only told about what is well formed, so that one mistake is not reported twice.
		problems = append(problems, required(c, path, problems)...)
	}
	if len(problems) > 0 {
		return nil, Problems(problems)
	}
	complete(c)
	return c, nil
}

// Parse reads a configuration from text alone; relative file names are taken relative to dir. name stands for the file in problems.
func Parse(name, dir string, text []byte) (*Config, error) {
	c, problems := parse(name, dir, text)
	if len(problems) == 0 {
		problems = append(problems, relate(c, name)...)
	} else {
		problems = append(problems, required(c, name, problems)...)
	}
	if len(problems) > 0 {
		return nil, Problems(problems)
	}
	complete(c)
	return c, nil
}

// complete fills what follows from other settings.
func complete(c *Config) {
	if c.Name == "" {
		c.Name = c.Site
	}
}

// reader walks a parsed file and gathers problems.
type reader struct {
	name     string
	dir      string
	config   *Config
	problems []Problem
	seen     map[string]int // key path to the line it was first given on
}

func parse(name, dir string, text []byte) (*Config, []Problem) {
	r := &reader{name: name, dir: dir, config: Default(), seen: map[string]int{}}
	if len(text) > fileBytesMax {
		r.add(nil, "", fmt.Sprintf("is larger than %d KiB", fileBytesMax>>10), "a configuration is a short text; is this the right file?")
		return r.config, r.problems
	}
	if i := slices.IndexFunc(text, func(b byte) bool { return b == 0 }); i >= 0 {
		r.add(nil, "", "is not text", "is this the right file?")
		return r.config, r.problems
	}
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return r.config, r.problems
	}
	docs := 0
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if docs++; docs > 1 {
			r.add(d.Body, "", "a second document starts here", "keep one document in the file")
			break
		}
		r.section(d.Body, "")
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return r.config, r.problems
}

func (r *reader) add(n ast.Node, key, text, hint string) {
	p := Problem{File: r.name, Key: key, Text: text, Hint: hint}
	if n != nil {
		p.Line, p.Column = position(start(n))
	}
	r.problems = append(r.problems, p)
}

// start is the token a person would point at: a block of keys starts at its first key, which the parser does not say.
func start(n ast.Node) *token.Token {
	switch m := n.(type) {
	case *ast.MappingValueNode:
		return start(m.Key)
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return start(m.Values[0])
		}
	}
	return n.GetToken()
}

func position(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 1, 1
	}
	return max(t.Position.Line, 1), max(t.Position.Column, 1)
}

// syntax reports text that is not YAML. Only the first such place is known to the parser.
func (r *reader) syntax(err error) {
	p := Problem{File: r.name, Line: 1, Column: 1, Hint: "check indentation, colons and quotes there"}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		p.Line, p.Column = position(syntax.Token)
		p.Text = "not YAML: " + oneLine(syntax.Message)
	} else {
		p.Text = "not YAML: " + oneLine(err.Error())
	}
	r.problems = append(r.problems, p)
}

// oneLine keeps a message from another library to one bounded line.
func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > 160 {
		s = strings.ToValidUTF8(s[:160], "") + "…"
	}
	return s
}

// section walks one mapping whose keys all start with prefix.
func (r *reader) section(n ast.Node, prefix string) {
	values, ok := r.mapping(n, strings.TrimSuffix(prefix, "."))
	if !ok {
		return
	}
	fields := keys()
	for _, v := range values {
		name, ok := r.keyName(v, prefix)
		if !ok {
			continue
		}
		path := prefix + name
		if path == sourcesPath {
			r.sources(v.Value)
			continue
		}
		if path == zonesPath {
			r.zones(v.Value)
			continue
		}
		if i := slices.IndexFunc(fields, func(k key[Config]) bool { return k.path == path }); i >= 0 {
			setField(r, fields[i], path, r.config, v.Value)
			continue
		}
		if slices.ContainsFunc(fields, func(k key[Config]) bool { return strings.HasPrefix(k.path, path+".") }) {
			if v.Value != nil && v.Value.Type() != ast.NullType { // an empty section means its defaults
				r.section(v.Value, path+".")
			}
			continue
		}
		r.unknown(v.Key, path, siblings(prefix))
	}
}

// mapping returns the entries of a mapping node, whichever of the two shapes the parser gave it.
func (r *reader) mapping(n ast.Node, path string) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	hint := "see `fengsui help config` for the whole file"
	r.add(n, path, "is "+kindOf(n)+", want keys with values", hint)
	return nil, false
}

// keyName returns the name of one entry, or reports why it has none, or that it was given before.
func (r *reader) keyName(v *ast.MappingValueNode, prefix string) (string, bool) {
	s, ok := v.Key.(*ast.StringNode)
	if !ok {
		r.add(v.Key, strings.TrimSuffix(prefix, "."), "a key here is "+kindOf(v.Key), "keys are plain words")
		return "", false
	}
	path := prefix + s.Value
	if line, again := r.seen[path]; again {
		r.add(v.Key, path, fmt.Sprintf("given twice, first on line %d", line), "keep one of them")
		return "", false
	}
	r.seen[path], _ = position(v.Key.GetToken())
	return s.Value, true
}

func (r *reader) unknown(n ast.Node, path string, known []string) {
	last := path[strings.LastIndexByte(path, '.')+1:]
	if instead, ok := secretKeys[last]; ok {
		r.add(n, path, "secrets are not written into this file", "put it into a file of mode 0600 and use "+instead)
		return
	}
	hint := "remove it; keys here are " + strings.Join(known, ", ")
	if near := nearest(last, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	r.add(n, path, "unknown key", hint)
}

// siblings lists the names that may stand directly under prefix.
func siblings(prefix string) []string {
	paths := []string{sourcesPath, zonesPath}
	for _, k := range keys() {
		paths = append(paths, k.path)
	}
	var out []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
