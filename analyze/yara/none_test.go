//go:build !yara

package yara

import (
	"errors"
	"testing"
)

func TestRefusesWithoutTheTag(t *testing.T) {
	if _, _, err := Compile([]Source{{"a.yar", "rule a { condition: true }"}}); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("%v", err)
	}
}
