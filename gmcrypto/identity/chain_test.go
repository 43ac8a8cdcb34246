package identity

import (
	"testing"
	"time"

	"fengsui/gmcrypto"
)

// The certificates' day. Tests never ask the clock.
var testDay = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

const testYear = 365 * 24 * time.Hour

// house is a three-tier tree of authorities with one county node.
type house struct {
	rootKey, cityKey, countyKey, nodeKey *gmcrypto.PrivateKey
	root, city, county, node             *Certificate
}

func newKey(t testing.TB) *gmcrypto.PrivateKey {
	t.Helper()
	k, err := gmcrypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	cert := must[*Certificate](t)
	h := &house{rootKey: newKey(t), cityKey: newKey(t), countyKey: newKey(t), nodeKey: newKey(t)}
	h.root = cert(NewRoot(h.rootKey, "440000", "广东省", testDay, 20*testYear))
	h.city = cert(IssueSite(h.rootKey, h.root, "440100", "广州市", h.cityKey.Public(), testDay, 10*testYear))
	h.county = cert(IssueSite(h.cityKey, h.city, "440106", "天河区", h.countyKey.Public(), testDay, 5*testYear))
	h.node = cert(IssueNode(h.countyKey, h.county, "n1", h.nodeKey.Public(), testDay, testYear/4))
	return h
}

func (h *house) chain() []*Certificate { return []*Certificate{h.node, h.county, h.city} }

func TestVerifyChain(t *testing.T) {
	h := newHouse(t)
	for _, chain := range [][]*Certificate{h.chain(), append(h.chain(), h.root)} {
		peer, err := NewTrust(h.root).Verify(chain, testDay.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if peer.String() != "440106/n1" || peer.Role != RoleNode || !peer.Key.Equal(h.nodeKey.Public()) {
			t.Fatalf("peer is %v %v", peer, peer.Role)
		}
		want := []Site{"440106", "440100", "440000"}
		got := peer.Path()
		if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Fatalf("path is %v, want %v", got, want)
		}
	}
}
