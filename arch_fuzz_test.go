package main

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// foreign are the readers of bytes that others made, beside the protocol parsers, which are found by themselves.
var foreign = []string{
	"analyze/intel", "analyze/signature", "analyze/signature/address", "analyze/signature/pcre", "analyze/signature/rule",
	"capture/event", "capture/file", "capture/packet", "capture/pipeline", "capture/source", "capture/stream",
	"cascade/wire", "gmcrypto/channel", "gmcrypto/identity", "node/config",
}

// unparsed are the packages below capture/proto that read no bytes themselves.
var unparsed = []string{"prototest", "registry", "replay"}

// TestEveryReaderOfForeignBytesIsFuzzed lists parsers without a fuzz target: every package below capture/proto, and those
// named above.
func TestEveryReaderOfForeignBytesIsFuzzed(t *testing.T) {
	fuzzed := map[string]bool{}
	readers := map[string]bool{}
	for _, dir := range foreign {
		readers[dir] = true
	}
	for _, s := range sources(t) {
		dir := path.Dir(s.path)
		if name, ok := strings.CutPrefix(dir, "capture/proto/"); ok && !s.test && !slices.Contains(unparsed, name) {
			readers[dir] = true
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Fuzz") && calls(f, "Fuzz") {
				fuzzed[dir] = true
			}
		}
	}
	for dir := range readers {
		if !fuzzed[dir] {
			t.Errorf("%s reads foreign bytes and has no fuzz target: add FuzzXxx with a small corpus", dir)
		}
	}
}

// calls tells whether a function calls a method of that name.
func calls(f *ast.FuncDecl, method string) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok {
			if sel, ok := c.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == method {
				found = true
			}
		}
		return !found
	})
	return found
}
