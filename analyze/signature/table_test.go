package signature

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"fengsui/analyze/signature/field"
	"fengsui/analyze/signature/transform"
)

const docFile = "../../docs/conformance.md"

// The table of keywords stands in the document between these lines.
const tableBegin, tableEnd = "<!-- keywords: written by the test TestKeywordTable -->", "<!-- end of keywords -->"

// TestKeywordTable holds docs/conformance.md to the keywords that are honoured. FENGSUI_UPDATE_GOLDEN=1 writes them into it.
func TestKeywordTable(t *testing.T) {
	doc, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), tableBegin+"\n")
	have, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table of keywords", docFile)
	}
	want := keywordTable()
	if have == want {
		return
	}
	if os.Getenv("FENGSUI_UPDATE_GOLDEN") == "" {
		t.Fatalf("%s lists other keywords than there are; FENGSUI_UPDATE_GOLDEN=1 go test -run KeywordTable writes them", docFile)
	}
	if err := os.WriteFile(docFile, []byte(before+tableBegin+"\n"+want+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func keywordTable() string {
	var b strings.Builder
	row := func(family string, names []string) {
		slices.Sort(names)
		if names = slices.Compact(names); len(names) > 0 {
			fmt.Fprintf(&b, "| %s | `%s` |\n", family, strings.Join(names, "` `"))
		}
	}
	b.WriteString("\n| family | keywords |\n|---|---|\n")
	for _, f := range []struct {
		name string
		list map[string]keyword
	}{
		{"rule", metaKeywords()},
		{"content", contentKeywords()},
		{"bytes", byteKeywords()},
		{"flow", flowKeywords()},
		{"packet", packetKeywords()},
		{"bits and numbers", stateKeywords()},
		{"limits", thresholdKeywords()},
		{"sets", dataKeywords()},
		{"events", eventKeywords()},
		{"files", fileKeywords()},
		{"transactions", txKeywords()},
	} {
		var names []string
		for name := range f.list {
			if _, refused := unsupported[name]; !refused {
				names = append(names, name)
			}
		}
		row(f.name, names)
	}
	row("packet headers", keys(packetBuffers))
	row("transforms", transform.Names())
	row("older modifiers", keys(legacyModifiers))
	for _, p := range field.Protocols() {
		var names []string
		for i := range p.Buffers {
			names = append(names, p.Buffers[i].Names...)
		}
		for i := range p.Numbers {
			names = append(names, p.Numbers[i].Names...)
		}
		for i := range p.Tests {
			names = append(names, p.Tests[i].Names...)
		}
		row(p.App.String(), names)
	}
	b.WriteString("\n| protocol | frames |\n|---|---|\n")
	for _, p := range field.Protocols() {
		var names []string
		for i := range p.Frames {
			names = append(names, p.Frames[i].Names[0])
		}
		row(p.App.String(), names)
	}
	b.WriteString("\n| protocol | events (`app-layer-event:protocol.event`) |\n|---|---|\n")
	for _, p := range field.Protocols() {
		row(p.App.String(), slices.Clone(p.Events))
	}
	b.WriteString("\n| refused | why |\n|---|---|\n")
	refused := keys(unsupported)
	slices.Sort(refused)
	for _, name := range refused {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, unsupported[name])
	}
	b.WriteString("\n")
	return b.String()
}

func keys[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	return names
}
