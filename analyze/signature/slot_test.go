package signature

import (
	"testing"

	"fengsui/analyze/signature/address"
)

func TestClassify(t *testing.T) {
	set := func(text string) *address.Ports {
		p, err := address.ParsePorts(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	sets := []*address.Ports{set("any"), set("80"), set("[80,443,8000:8080]"), set("!1024:"), set("65535")}
	c := classify(sets)
	members := map[uint16]string{}
	for port := range 1 << 16 {
		now := ""
		for _, s := range sets {
			now += map[bool]string{true: "1", false: "0"}[s.Contains(uint16(port))]
		}
		class := c.class(uint16(port))
		if before, ok := members[class]; ok && before != now {
			t.Fatalf("port %d is in class %d, whose rules are %s, not %s", port, class, before, now)
		}
		members[class] = now
		if rep := c.class(c.port(class)); rep != class {
			t.Fatalf("the port of class %d is of class %d", class, rep)
		}
	}
	if len(members) != 6 { // 80; 443; below 1024; 8000 to 8080; 65535; the rest
		t.Errorf("%d classes: %v", len(members), members)
	}
	if c := classify(sets[:1]); c.of != nil || c.class(80) != 0 {
		t.Error("rules for any port tell ports apart")
	}
}
