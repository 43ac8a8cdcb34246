package main

import (
	"go/ast"
	"go/token"
	"path"
	"sort"
	"strings"
	"testing"
)

func TestNoMutablePackageState(t *testing.T) {
	type owner struct{ dir, name string }
	vars := map[owner]string{}
	for _, s := range sources(t) {
		if s.test || s.made {
			continue
		}
		for _, d := range s.file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				for _, spec := range g.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						if name.Name == "_" {
							continue
						}
						vars[owner{path.Dir(s.path), name.Name}] = s.fset.Position(name.Pos()).String()
					}
				}
			}
		}
	}
	for _, s := range sources(t) {
		if s.test || s.made {
			continue
		}
		written := func(e ast.Expr) {
			if id := baseIdent(e); id != nil && packageLevel(s.file, id) {
				if at, ok := vars[owner{path.Dir(s.path), id.Name}]; ok {
					t.Errorf("%s writes the package variable %s (declared at %s): state belongs to a value someone owns", s.fset.Position(id.Pos()), id.Name, at)
				}
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, lhs := range n.Lhs {
						written(lhs)
					}
				}
			case *ast.IncDecStmt:
				written(n.X)
			}
			return true
		})
	}
}

// baseIdent is the variable that an assignment to e changes.
func baseIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// packageLevel tells whether id, as the parser resolved it, is declared outside every function.
func packageLevel(f *ast.File, id *ast.Ident) bool {
	return id.Obj == nil || f.Scope.Lookup(id.Name) == id.Obj
}

// stateTable tells whether a file holds a table of replicated state.
func stateTable(s source) bool {
	if base := path.Base(s.path); base != "table.go" && !strings.HasPrefix(base, "table_") {
		return false
	}
	for _, imp := range s.file.Imports {
		if imp.Path.Value == `"go.etcd.io/bbolt"` {
			return true
		}
	}
	return false
}

func TestEveryTableProvesItsSnapshot(t *testing.T) {
	tested := map[string]bool{}
	var tables []string
	for _, s := range sources(t) {
		dir := path.Dir(s.path)
		if !s.test && stateTable(s) {
			tables = append(tables, dir)
		}
		if !s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "fsmtest" && strings.HasPrefix(sel.Sel.Name, "RoundTrip") {
					tested[dir] = true
				}
			}
			return true
		})
	}
	sort.Strings(tables)
	for _, dir := range tables {
		if !tested[dir] {
			t.Errorf("%s/table.go has no test that calls fsmtest.RoundTrip: every table proves that a snapshot restores it whole", dir)
		}
	}
}
