package smtp_test

import (
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// TestGolden reads captures of mail: what tshark counts as MAIL commands is what is a mail here.
func TestGolden(t *testing.T) {
	for name, mails := range map[string]int{"zeek-smtp": 2, "ndpi-emotet": 1} {
		events := replay.Golden(t, replay.Shared+"pcaps/"+name+".pcap", event.KindSMTP, name+".golden")
		n := 0
		for _, e := range events {
			if e.Text(event.SMTPMailFrom) != "" {
				n++
			}
		}
		if n != mails {
			t.Errorf("%s: %d mails, want %d", name, n, mails)
		}
	}
}
