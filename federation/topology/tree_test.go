package topology_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"fengsui/federation/topology"
	"fengsui/gmcrypto/identity"
)

func site(code, parent string) topology.Site {
	return topology.Site{
		Code: identity.Site(code), Parent: identity.Site(parent), Link: topology.Link{Online: true},
		Nodes: []topology.Node{{Name: "n2", Alive: true}, {Name: "n1", Alive: true}},
	}
}

func part(sites ...topology.Site) topology.Part {
	return topology.Part{Child: sites[0].Code, Sites: sites}
}

// province is a tree of three tiers and seven sites.
func province(t *testing.T, extra ...topology.Part) (*topology.Tree, []topology.Problem) {
	t.Helper()
	parts := append([]topology.Part{
		part(site("440300", "440000"), site("440305", "440300")),
		part(site("440100", "440000"), site("440111", "440100"), site("440106", "440100"), site("44010601", "440106")),
	}, extra...)
	tree, problems, err := topology.Build(site("440000", ""), parts...)
	if err != nil {
		t.Fatal(err)
	}
	return tree, problems
}

func codes(sites []topology.Site) string {
	var out []string
	for _, s := range sites {
		out = append(out, string(s.Code))
	}
	return strings.Join(out, " ")
}

func TestWalksInOrder(t *testing.T) {
	tree, problems := province(t)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	f("root", string(tree.Root().Code), "440000")
	f("subtree", codes(tree.Subtree("440000")), "440000 440100 440106 44010601 440111 440300 440305")
	f("subtree of a city", codes(tree.Subtree("440100")), "440100 440106 44010601 440111")
	f("children", codes(tree.Children("440000")), "440100 440300")
	f("children of a leaf", codes(tree.Children("440111")), "")
	f("ancestors", codes(tree.Ancestors("44010601")), "440106 440100 440000")
	f("ancestors of the root", codes(tree.Ancestors("440000")), "")
	f("ancestors of a stranger", codes(tree.Ancestors("450000")), "")
	var depths []string
	tree.Walk("440000", func(s topology.Site, depth int) bool {
		depths = append(depths, fmt.Sprint(depth))
		return s.Code != "440106"
	})
	f("depths, one branch passed over", strings.Join(depths, " "), "0 1 2 2 1 2")
	child, ok := tree.Route("44010601")
	f("route", fmt.Sprintf("%s %v", child, ok), "440100 true")
	child, ok = tree.Route("440000")
	f("route to the root", fmt.Sprintf("%s %v", child, ok), " false")
	f("below", fmt.Sprint(tree.Below("44010601", "440100"), tree.Below("440305", "440100"), tree.Below("440305", "440000"), tree.Below("1", "1")), "true false true false")
	if s, ok := tree.Site("440106"); !ok || s.Nodes[0].Name != "n1" {
		t.Errorf("site %+v %v, want nodes in order", s, ok)
	}
	if tree.Len() != 7 {
		t.Errorf("%d sites", tree.Len())
	}
}

func TestHandsOutCopies(t *testing.T) {
	tree, _ := province(t)
	tree.Children("440000")[0].Nodes[0].Name = "changed"
	tree.Subtree("440000")[1].Nodes[0].Name = "changed"
	if s, _ := tree.Site("440100"); s.Nodes[0].Name != "n1" {
		t.Error("a caller has changed the tree")
	}
}

func TestRefusesWhatAChildMayNotSay(t *testing.T) {
	f := func(name string, p topology.Part, at identity.Site, want error) {
		t.Run(name, func(t *testing.T) {
			tree, problems := province(t, p)
			if !slices.ContainsFunc(problems, func(p topology.Problem) bool { return p.Site == at && errors.Is(p, want) }) {
				t.Errorf("problems %v, want %s: %v", problems, at, want)
			}
			got := strings.ReplaceAll(codes(tree.Subtree("440000")), " 440200", "") // the reporter may stand
			if got != "440000 440100 440106 44010601 440111 440300 440305" {
				t.Errorf("the rest suffered: %s", got)
			}
		})
	}
	f("malformed code", part(site("44x", "440000")), "44x", topology.ErrCode)
	f("not below us", part(site("450100", "440000")), "450100", topology.ErrOutside)
	f("a sibling's county", part(site("440200", "440000"), site("440107", "440100")), "440107", topology.ErrForeign)
	f("the root itself", part(site("440200", "440000"), site("440000", "440200")), "440000", topology.ErrCycle)
	f("its own parent", part(site("440200", "440000"), site("440203", "440203")), "440203", topology.ErrCycle)
	f("under somebody not above", part(site("440200", "440000"), site("440203", "440204")), "440203", topology.ErrOutside)
	f("under nobody", part(site("440200", "440000"), site("44020301", "440203")), "44020301", topology.ErrOrphan)
	f("twice", part(site("440106", "440000")), "440106", topology.ErrDuplicate)
	many := site("440200", "440000")
	many.Nodes = make([]topology.Node, topology.NodesMax+1)
	f("too many nodes", part(many), "440200", topology.ErrTooMany)
}

func TestTooManySites(t *testing.T) {
	p := part(site("440200", "440000"))
	for i := range topology.SitesMax {
		p.Sites = append(p.Sites, site(fmt.Sprintf("4402%02d%02d%02d", 1+i/9000, 1+i/95%95, 1+i%95), "440200"))
	}
	tree, problems, err := topology.Build(site("440000", ""), p)
	if err != nil || tree.Len() > topology.SitesMax || len(problems) == 0 {
		t.Errorf("%d sites, %d problems, %v", tree.Len(), len(problems), err)
	}
}

func TestLaterReportWins(t *testing.T) {
	moved := site("440106", "440000") // the county now reports to the province directly
	moved.Reported = time.Unix(2000, 0)
	tree, problems := province(t, part(moved))
	if got := codes(tree.Children("440000")); got != "440100 440106 440300" {
		t.Errorf("children %s", got)
	}
	if got := codes(tree.Subtree("440106")); got != "440106 44010601" {
		t.Errorf("the moved county's subtree is %s", got)
	}
	if len(problems) != 1 {
		t.Errorf("problems %v", problems)
	}
}

func TestOrderOfPartsDoesNotMatter(t *testing.T) {
	parts := []topology.Part{
		part(site("440300", "440000"), site("440305", "440300")),
		part(site("440100", "440000"), site("440106", "440100")),
		part(site("440106", "440000")),
		part(site("449900", "440000"), site("449901", "449900")),
	}
	var want string
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		tree, problems, err := topology.Build(site("440000", ""), parts...)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(codes(tree.Subtree("440000")), problems)
		if want == "" {
			want = got
		}
		if got != want {
			t.Fatalf("seed %d: %s, before %s", seed, got, want)
		}
	}
}

func TestPartRoundTrip(t *testing.T) {
	tree, _ := province(t)
	up, problems, err := topology.Build(site("000000", ""), tree.Part())
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	if got, want := codes(up.Subtree("440000")), codes(tree.Subtree("440000")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestCounts(t *testing.T) {
	dark := site("440100", "440000")
	dark.Link.Online = false
	tree, _, err := topology.Build(site("440000", ""), part(dark, site("440106", "440100")), part(site("440300", "440000"), site("440305", "440300")))
	if err != nil {
		t.Fatal(err)
	}
	want := topology.Counts{Sites: 5, SitesOnline: 3, Nodes: 10, NodesAlive: 6}
	if got := tree.Counts("440000"); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestMalformedRoot(t *testing.T) {
	if _, _, err := topology.Build(site("", "")); !errors.Is(err, topology.ErrCode) {
		t.Errorf("%v", err)
	}
}

func FuzzBuild(f *testing.F) {
	f.Add("440100 440000 440100;440106 440100 440100;440300 440000 440300")
	f.Add("440100 440106 440100;440106 440100 440100")
	f.Fuzz(func(t *testing.T, script string) {
		byChild := map[string]*topology.Part{}
		var parts []*topology.Part
		for _, line := range strings.Split(script, ";") {
			w := strings.Fields(line)
			if len(w) != 3 {
				continue
			}
			p := byChild[w[2]]
			if p == nil {
				p = &topology.Part{Child: identity.Site(w[2])}
				byChild[w[2]] = p
				parts = append(parts, p)
			}
			p.Sites = append(p.Sites, site(w[0], w[1]))
		}
		in := make([]topology.Part, 0, len(parts))
		for _, p := range parts {
			in = append(in, *p)
		}
		tree, _, err := topology.Build(site("440000", ""), in...)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[identity.Site]bool{}
		for _, s := range tree.Subtree("440000") {
			if seen[s.Code] {
				t.Fatalf("%s twice", s.Code)
			}
			seen[s.Code] = true
			if up := tree.Ancestors(s.Code); s.Code != "440000" && up[len(up)-1].Code != "440000" {
				t.Fatalf("%s does not lead to the root", s.Code)
			}
			if s.Code != "440000" && !s.Parent.Above(s.Code) {
				t.Fatalf("%s under %s", s.Code, s.Parent)
			}
		}
		if len(seen) != tree.Len() {
			t.Fatalf("%d of %d sites are reachable", len(seen), tree.Len())
		}
	})
}
