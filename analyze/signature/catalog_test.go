package signature

import (
	"testing"

	"fengsui/analyze/signature/transform"
)

// TestKeywordsDoNotMeet tells that no keyword of a protocol hides behind one of the engine or a transform.
func TestKeywordsDoNotMeet(t *testing.T) {
	engine := buildKeywords()
	for _, names := range []map[string]bool{namesOf(fields.buffers), namesOf(fields.numbers), namesOf(fields.tests)} {
		for name := range names {
			if _, there := engine[name]; there {
				t.Errorf("%s is a keyword of the engine and of a protocol", name)
			}
			if transform.Known(name) {
				t.Errorf("%s is a transform and a keyword of a protocol", name)
			}
			if _, there := unsupported[name]; there {
				t.Errorf("%s is refused and in a table", name)
			}
		}
	}
	for name := range unsupported {
		if k, there := engine[name]; there && name != "stream_reassembly" {
			t.Errorf("%s is refused and a keyword: %+v", name, k)
		}
	}
}

func namesOf[T any](m map[string]T) map[string]bool {
	names := make(map[string]bool, len(m))
	for name := range m {
		names[name] = true
	}
	return names
}
