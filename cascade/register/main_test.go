package register

import (
	"testing"

	"fengsui/gmcrypto"
)

// TestMain makes a key before any synctest bubble exists: the SM2 library keeps a channel it
// makes at its first use, and a channel made inside one bubble cannot be used in the next.
func TestMain(m *testing.M) {
	if _, err := gmcrypto.GenerateKey(); err != nil {
		panic(err)
	}
	m.Run()
}
