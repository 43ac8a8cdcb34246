// The architecture as a failing test: who may import whom, where each third-party
// library may appear, how long a file may get, and which calls are banned where.
// Every fence carries the reason a reader needs when it stops them.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// room says what one part of the tree may import from the project.
type room struct {
	path string   // the folder, without the module name
	may  []string // folders it may import, each with everything below it
	why  string
}

// rooms are matched by longest path first; a package may always import below its own room.
var rooms = []room{
	{"gmcrypto", nil, "gmcrypto is the leaf: every room may use it, so it may use none"},
	{"federation", []string{"gmcrypto"}, "federation moves bytes and never decodes an alert"},
	{"capture", nil, "capture knows packets and logs, not who asked for them"},
	{"analyze/signature", []string{"analyze/alert", "analyze/engine", "capture"}, "signatures read packets, flows and transactions, and nothing above"},
	{"analyze/intel", []string{"analyze/alert", "analyze/engine", "capture", "gmcrypto"}, "indicators match what capture saw"},
	{"analyze/yara", []string{"analyze/alert", "analyze/engine", "capture"}, "YARA reads the files capture saw"},
	{"analyze", []string{"capture", "gmcrypto"}, "analyze judges events: no network, no Raft"},
	{"cascade", []string{"gmcrypto"}, "an internal rename must not change the wire, and a relay must pass what it cannot read"},
	{"deploy", []string{"gmcrypto", "federation/durable"}, "deploy gets plain parameters; it must work when the program does not start"},
	{"node", []string{"gmcrypto", "federation", "capture", "analyze", "cascade", "deploy"}, "node is the composition"},
	{"", []string{"node/cli"}, "main is a door: it calls the CLI and exits"},
}

// fences say where a library may be imported; everywhere else it would leak into the design.
var fences = []struct {
	library string
	only    []string
	why     string
}{
	{"github.com/emmansun/gmsm", []string{"gmcrypto"}, "one room owns the SM primitives, so a crypto card can replace them"},
	{"github.com/tjfoc/gmsm", nil, "the second implementation is for cross-checks in tests only"},
	{"github.com/quic-go/quic-go", []string{"federation/link"}, "the carrier can change without anyone noticing"},
	{"github.com/hashicorp/raft", []string{"federation/cluster", "federation/fsm", "federation/link"}, "consensus is an implementation detail of cluster (link only adapts a stream layer)"},
	{"github.com/hashicorp/raft-wal", []string{"federation/cluster"}, "the log store belongs to the group it serves"},
	{"github.com/hashicorp/memberlist", []string{"federation/gossip", "federation/link"}, "liveness has one owner (link only adapts a transport)"},
	{"github.com/gopacket/gopacket", []string{"capture/source"}, "decoded types are ours, so the hot path stays ours"},
	{"github.com/hillu/go-yara", []string{"analyze/yara"}, "cgo stays behind one build tag in one package"},
	{"github.com/google/nftables", []string{"node/enforce"}, "only one place may touch a firewall"},
	{"github.com/goccy/go-yaml", []string{"node/config"}, "configuration is read in one place"},
	{"github.com/prometheus/client_golang", []string{"node/monitor"}, "parts expose plain counters; one place publishes them"},
	{"google.golang.org/protobuf", []string{"cascade", "node/exchange"}, "protobuf is the wire between sites and nowhere else"},
	{"net/http", []string{"node/api", "node/monitor"}, "one local API, one metrics page; nothing else listens or calls out"},
}

// longFiles names each file over the limit and why it is still one idea.
var longFiles = map[string]string{}

// longFunctions names each function over the limit and why cutting it would hide it.
var longFunctions = map[string]string{}

// manyFiles names each package with more files than the limit and why it is still one idea.
var manyFiles = map[string]string{
	"analyze/signature/field": "one table a protocol, each in a file of its own",
	"capture/event":           "one dictionary, each protocol's names in a file of their own",
}

const (
	module        = "fengsui"
	fileLinesMax  = 500
	funcLinesMax  = 100
	pkgGoFilesMax = 40
)

// pkg is what go list tells of one package.
type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

// folder is the package's path inside the repository; the root is "".
func (p pkg) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

var listOnce = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			return nil, fmt.Errorf("reading go list: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
})

func packages(t *testing.T) []pkg {
	t.Helper()
	all, err := listOnce()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// within tells whether folder is dir or lies below it.
func within(folder, dir string) bool {
	return folder == dir || strings.HasPrefix(folder, dir+"/")
}

func TestImportsPointDownward(t *testing.T) {
	for _, p := range packages(t) {
		var r *room
		for i := range rooms {
			if rooms[i].path == "" && p.folder() == "" || rooms[i].path != "" && within(p.folder(), rooms[i].path) {
				r = &rooms[i]
				break
			}
		}
		if r == nil {
			t.Errorf("%s stands in no room: give it one in arch_test.go, with its reason", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			target, ours := strings.CutPrefix(imp, module+"/")
			if !ours || r.path != "" && within(target, r.path) {
				continue
			}
			if !slices.ContainsFunc(r.may, func(dir string) bool { return within(target, dir) }) {
				t.Errorf("%s imports %s: %s", p.folder(), target, r.why)
			}
		}
	}
}

func TestRoomsAreDistinct(t *testing.T) {
	// Finer rules than the room's own, one line each.
	never := []struct{ from, to, why string }{
		{"cascade/upload", "cascade/issue", "the four interfaces never import each other"},
		{"cascade/upload", "cascade/query", "the four interfaces never import each other"},
		{"cascade/upload", "cascade/register", "the four interfaces never import each other"},
		{"cascade/issue", "cascade/upload", "the four interfaces never import each other"},
		{"cascade/issue", "cascade/query", "the four interfaces never import each other"},
		{"cascade/issue", "cascade/register", "the four interfaces never import each other"},
		{"cascade/query", "cascade/upload", "the four interfaces never import each other"},
		{"cascade/query", "cascade/issue", "the four interfaces never import each other"},
		{"cascade/query", "cascade/register", "the four interfaces never import each other"},
		{"cascade/register", "cascade/upload", "the four interfaces never import each other"},
		{"cascade/register", "cascade/issue", "the four interfaces never import each other"},
		{"cascade/register", "cascade/query", "the four interfaces never import each other"},
		{"federation/uplink", "federation/cluster", "moving bytes does not depend on consensus"},
		{"federation/uplink", "federation/fsm", "moving bytes does not depend on consensus"},
		{"federation/fsm", "federation/cluster", "the state machine does not know who drives it"},
		{"federation/link", "federation/gossip", "the link is below what runs over it"},
		{"federation/link", "federation/cluster", "the link is below what runs over it"},
		{"analyze/engine", "analyze/signature", "the engine is handed its detectors"},
		{"analyze/engine", "analyze/intel", "the engine is handed its detectors"},
		{"node/config", "node/api", "configuration is a leaf of node"},
	}
	for _, p := range packages(t) {
		for _, n := range never {
			if !within(p.folder(), n.from) {
				continue
			}
			for _, imp := range p.Imports {
				if target, ours := strings.CutPrefix(imp, module+"/"); ours && within(target, n.to) {
					t.Errorf("%s imports %s: %s", p.folder(), target, n.why)
				}
			}
		}
	}
}

func TestLibrariesStayBehindTheirFence(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for _, f := range fences {
				if imp != f.library && !strings.HasPrefix(imp, f.library+"/") {
					continue
				}
				if !slices.ContainsFunc(f.only, func(dir string) bool { return within(p.folder(), dir) }) {
					t.Errorf("%s imports %s: %s", p.folder(), imp, f.why)
				}
			}
		}
		for _, file := range p.GoFiles {
			checkBoltFence(t, p, file)
		}
	}
}

// checkBoltFence allows bbolt to the state machine and to the table and view files of a domain.
func checkBoltFence(t *testing.T, p pkg, file string) {
	if within(p.folder(), "federation/fsm") || within(p.folder(), "federation/cluster") {
		return
	}
	base := strings.TrimSuffix(file, ".go")
	if base == "table" || base == "view" || strings.HasPrefix(base, "table_") || strings.HasPrefix(base, "view_") || strings.HasPrefix(base, "wire_") {
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, imp := range f.Imports {
		if imp.Path.Value == `"go.etcd.io/bbolt"` {
			t.Errorf("%s/%s imports bbolt: replicated state is read and written in table.go and view.go, so that one can see all of it", p.folder(), file)
		}
	}
}

// source is one parsed Go file of the repository.
type source struct {
	path  string // from the root
	lines int
	fset  *token.FileSet
	file  *ast.File
	test  bool
	made  bool // by a generator
}

var sourcesOnce = sync.OnceValues(func() ([]source, error) {
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin" || base == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{
			path: filepath.ToSlash(name), lines: fset.File(f.Pos()).LineCount(), fset: fset, file: f,
			test: strings.HasSuffix(name, "_test.go"), made: ast.IsGenerated(f),
		})
		return nil
	})
	return all, err
})

func sources(t *testing.T) []source {
	t.Helper()
	all, err := sourcesOnce()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	docs := map[string]int{}
	names := map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		dir := path.Dir(s.path)
		names[dir] = s.file.Name.Name
		if s.file.Doc == nil {
			continue
		}
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command "
		}
		if strings.HasPrefix(s.file.Doc.Text(), want) {
			docs[dir]++
		}
	}
	for dir, name := range names {
		if docs[dir] != 1 {
			t.Errorf("%s: package %s has %d package comments, want 1: say what it owns and what it leaves to others", dir, name, docs[dir])
		}
	}
}

func TestFilesAndFunctionsFitASitting(t *testing.T) {
	for _, s := range sources(t) {
		if s.made {
			continue
		}
		if _, excused := longFiles[s.path]; s.lines > fileLinesMax && !excused {
			t.Errorf("%s has %d lines, over %d: find its second idea, or give a reason in longFiles", s.path, s.lines, fileLinesMax)
		}
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := s.fset.Position(fn.End()).Line - s.fset.Position(fn.Pos()).Line + 1
			name := s.path + ":" + fn.Name.Name
			if _, excused := longFunctions[name]; n > funcLinesMax && !excused {
				t.Errorf("%s has %d lines, over %d", name, n, funcLinesMax)
			}
		}
	}
	for name := range longFiles {
		if !slices.ContainsFunc(sources(t), func(s source) bool { return s.path == name && s.lines > fileLinesMax }) {
			t.Errorf("longFiles excuses %s, which needs no excuse any more", name)
		}
	}
}

func TestNamesMeanSomething(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "misc", "base"}
	count := map[string]int{}
	for _, s := range sources(t) {
		if slices.Contains(empty, s.file.Name.Name) || slices.Contains(empty, strings.TrimSuffix(path.Base(s.path), ".go")) {
			t.Errorf("%s: name it after what it owns", s.path)
		}
		if !s.test && !s.made {
			count[path.Dir(s.path)]++
		}
	}
	for dir, n := range count {
		if n > pkgGoFilesMax && manyFiles[dir] == "" {
			t.Errorf("%s holds %d files, over %d: one package, one idea", dir, n, pkgGoFilesMax)
		}
	}
}

// ban is one call that must not occur in some files.
type ban struct {
	call  string // package.Function, or package.* for all of it
	where func(s source) bool
	why   string
}

func deterministic(s source) bool {
	return !s.test && (within(path.Dir(s.path), "federation/fsm") && path.Base(s.path) != "restore.go" && path.Base(s.path) != "open.go" ||
		stateTable(s))
}

var bans = []ban{
	{"time.Now", deterministic, "apply must give the same result on every replica and on replay: time comes stamped by the proposer"},
	{"rand.*", deterministic, "apply must give the same result on every replica: randomness comes stamped by the proposer"},
	{"time.Sleep", func(s source) bool { return s.test }, "a sleeping test is slow when it passes and flaky when it fails: wait for what should happen"},
	{"os.Exit", func(s source) bool { return !s.test && s.path != "main.go" }, "only the door exits, so that everything else can clean up"},
	{"log.*", func(s source) bool { return !s.test }, "logging goes through the *slog.Logger a part was given, which redacts"},
	{"os.WriteFile", func(s source) bool {
		return !s.test && (within(s.path, "federation") || within(s.path, "gmcrypto")) && !within(s.path, "federation/durable")
	}, "state is written atomically (federation/durable), or a crash leaves half a file"},
	{"http.DefaultClient", func(source) bool { return true }, "a client without a timeout waits for ever"},
}

func TestBannedCalls(t *testing.T) {
	for _, s := range sources(t) {
		if s.made {
			continue
		}
		std := standardNames(s.file)
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok || x.Obj != nil || !std[x.Name] {
				return true
			}
			for _, b := range bans {
				name, fn, _ := strings.Cut(b.call, ".")
				if x.Name == name && (fn == "*" || fn == sel.Sel.Name) && b.where(s) {
					t.Errorf("%s: %s.%s: %s", s.fset.Position(sel.Pos()), x.Name, sel.Sel.Name, b.why)
				}
			}
			return true
		})
		for _, d := range s.file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init(): what runs before main cannot be read from main", s.fset.Position(fn.Pos()))
			}
		}
	}
}

// standardNames are the names under which a file imports standard packages that a ban may name.
func standardNames(f *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, imp := range f.Imports {
		p := strings.Trim(imp.Path.Value, `"`)
		if strings.Contains(strings.Split(p, "/")[0], ".") {
			continue
		}
		if imp.Name != nil {
			names[imp.Name.Name] = true
		} else {
			names[strings.TrimSuffix(path.Base(p), "/v2")] = true
		}
	}
	if names["v2"] { // math/rand/v2
		names["rand"] = true
	}
	return names
}
