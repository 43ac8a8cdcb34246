package config

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// kindOf names the form of a node the way a person would.
func kindOf(n ast.Node) string {
	if n == nil {
		return "nothing"
	}
	switch n.Type() {
	case ast.NullType:
		return "nothing"
	case ast.BoolType:
		return "true or false"
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "a number"
	case ast.StringType, ast.LiteralType:
		return "text"
	case ast.MappingType, ast.MappingValueType:
		return "keys with values"
	case ast.SequenceType:
		return "a list"
	case ast.AliasType, ast.AnchorType, ast.TagType, ast.MergeKeyType:
		return "a YAML reference or tag, which this file does not use"
	}
	return "something else"
}

// scalar returns the text of a node that may stand for text or number. Numbers keep the digits as written: a site code is text.
func scalar(n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case *ast.IntegerNode:
		return v.Token.Value, true
	case *ast.FloatNode:
		return v.Token.Value, true
	}
	return "", false
}

// setField converts one node into the place its key points to, or reports why not.
func setField[T any](r *reader, k key[T], path string, into *T, n ast.Node) {
	wrong := func(want string) { r.add(n, path, "is "+kindOf(n)+", want "+want, "") }
	if n == nil || n.Type() == ast.NullType {
		r.add(n, path, "has no value", "give one or remove the key")
		return
	}
	switch p := k.ptr(into).(type) {
	case *bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			wrong("true or false")
			return
		}
		*p = b.Value
	case *[]string:
		r.list(n, path, k.check, p)
	case *map[string]string:
		r.variables(n, path, k.check, p)
	default:
		text, ok := scalar(n)
		if list, isList := n.(*ast.SequenceNode); !ok && isList && (k.path == "capture.home_net" || k.path == "capture.external_net") {
			text, ok = ruleList(list) // [a,b] is a list to YAML and one value to rules
		}
		if !ok {
			wrong(wanted(p))
			return
		}
		if complaint := setText(k, into, r.dir, text); complaint != "" {
			r.add(n, path, quote(text)+" "+complaint, "")
		}
	}
	r.config.given = append(r.config.given, path)
}

func wanted(p any) string {
	switch p.(type) {
	case *int, *float64:
		return "a number"
	case *int64:
		return "a size such as 256MiB"
	case *time.Duration:
		return "a time such as 30s"
	}
	return "text (put it in quotes)"
}

// setText converts text into the place its key points to and checks it. It returns "" or the complaint.
func setText[T any](k key[T], into *T, dir, text string) string {
	limit, bounded := bounds(k.path)
	outside := func(v float64) bool { return bounded && !(v >= limit.min && v <= limit.max) }
	switch p := k.ptr(into).(type) {
	case *string:
		if k.check != nil {
			if complaint := k.check(text); complaint != "" {
				return complaint
			}
		}
		if k.file && !filepath.IsAbs(text) {
			text = filepath.Join(dir, text)
		}
		*p = text
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "is not true or false"
		}
		*p = b
	case *int:
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return "is not a whole number"
		}
		if outside(float64(n)) {
			return fmt.Sprintf("is outside %.0f to %.0f", limit.min, limit.max)
		}
		*p = n
	case *int64:
		n, ok := parseSize(text)
		if !ok {
			return "is not a size; write such as 256MiB or 1GiB"
		}
		if outside(float64(n)) {
			return fmt.Sprintf("is outside %s to %s", formatSize(int64(limit.min)), formatSize(int64(limit.max)))
		}
		*p = n
	case *float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return "is not a number"
		}
		if outside(f) {
			return fmt.Sprintf("is outside %.0f to %.0f", limit.min, limit.max)
		}
		*p = f
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return "is not a time; write such as 500ms, 30s or 2m"
		}
		if outside(float64(d)) {
			return fmt.Sprintf("is outside %s to %s", time.Duration(limit.min), time.Duration(limit.max))
		}
		*p = d
	case *[]string:
		var list []string
		for _, item := range strings.Split(text, ",") {
			item = strings.TrimSpace(item)
			if complaint := k.check(item); complaint != "" {
				return complaint
			}
			list = append(list, item)
		}
		*p = list
	default:
		return "can only be set in the file"
	}
	return ""
}

func (r *reader) list(n ast.Node, path string, check func(string) string, p *[]string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.add(n, path, "is "+kindOf(n)+", want a list", "write [a, b] or one dash a line")
		return
	}
	out := make([]string, 0, len(seq.Values))
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		text, ok := scalar(item)
		if !ok {
			r.add(item, at, "is "+kindOf(item)+", want text", "")
			continue
		}
		if complaint := check(text); complaint != "" {
			r.add(item, at, quote(text)+" "+complaint, "")
			continue
		}
		out = append(out, text)
	}
	*p = out
}

// variables reads rule variables: upper-case names with rule-language values.
func (r *reader) variables(n ast.Node, path string, check func(string) string, p *map[string]string) {
	values, ok := r.mapping(n, path)
	if !ok {
		return
	}
	out := make(map[string]string, len(values))
	for _, v := range values {
		name, ok := r.keyName(v, path+".")
		if !ok {
			continue
		}
		if !variableName(name) {
			r.add(v.Key, path+"."+quote(name), "is not a variable name", "use capitals, digits and underscores, such as HTTP_SERVERS")
			continue
		}
		text, ok := scalar(v.Value)
		if list, isList := v.Value.(*ast.SequenceNode); !ok && isList {
			text, ok = ruleList(list)
		}
		if !ok {
			r.add(v.Value, path+"."+name, "is "+kindOf(v.Value)+", want text or a list", "")
			continue
		}
		if complaint := check(text); complaint != "" {
			r.add(v.Value, path+"."+name, quote(text)+" "+complaint, "")
			continue
		}
		out[name] = text
	}
	*p = out
}

func variableName(s string) bool {
	for i, r := range s {
		if !(r >= 'A' && r <= 'Z' || r == '_' || i > 0 && r >= '0' && r <= '9') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// ruleList writes a YAML list of texts, nested lists included, as the rule language writes it.
func ruleList(seq *ast.SequenceNode) (string, bool) {
	items := make([]string, 0, len(seq.Values))
	for _, v := range seq.Values {
		text, ok := scalar(v)
		if inner, isList := v.(*ast.SequenceNode); !ok && isList {
			text, ok = ruleList(inner)
		}
		if !ok {
			return "", false
		}
		items = append(items, text)
	}
	return "[" + strings.Join(items, ",") + "]", len(items) > 0
}

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func parseSize(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range sizeUnits {
		if head, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = strings.TrimSpace(head), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}

func formatSize(n int64) string {
	for _, u := range sizeUnits {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return "0B"
}

// quote shows a value from outside in a message, bounded and printable.
func quote(s string) string {
	const longest = 60
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return strconv.Quote(s)
}
