package ike

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	"fengsui/capture/proto/prototest"
)

// payload is a payload or substructure: next or last byte, a zero, its length, its contents.
func payload(next byte, parts ...string) string {
	body := strings.Join(parts, "")
	return string([]byte{next, 0, byte((len(body) + 4) >> 8), byte(len(body) + 4)}) + body
}

func message(version, next, exchange, flags byte, body string) []byte {
	b := make([]byte, headerBytes)
	binary.BigEndian.PutUint64(b, 0x1122334455667788)
	b[16], b[17], b[18], b[19] = next, version, exchange, flags
	b = slices.Concat(b, []byte(body))
	binary.BigEndian.PutUint32(b[24:], uint32(len(b)))
	return b
}

// transform is a transform of version 2.
func transform(last, kind, id byte, attrs string) string {
	return payload(last, string([]byte{kind, 0, 0, id})+attrs)
}

// init2 is IKE_SA_INIT with one proposal: encryption, 128 bits, PRF SHA-1, integrity SHA-1-96, a group.
func init2(encryption, group byte) []byte {
	proposal := payload(0, "\x01\x01\x00\x04", transform(3, 1, encryption, "\x80\x0e\x00\x80"), transform(3, 2, 2, ""), transform(3, 3, 2, ""), transform(0, 4, group, ""))
	return message(0x20, v2SA, 34, 0x08, payload(v2Key, proposal)+payload(v2Nonce, "\x00\x02\x00\x00", "KEYKEY")+payload(v2Vendor, "NONCE")+payload(v2Notify, "VENDOR")+payload(0, "\x00\x00\x40\x04"))
}

func main1() []byte {
	tr := payload(0, "\x01\x01\x00\x00", "\x80\x01\x00\x07", "\x80\x0e\x00\x80", "\x80\x02\x00\x02", "\x80\x03\x00\x01", "\x80\x04\x00\x02", "\x00\x0c\x00\x04\x00\x01\x51\x80")
	return message(0x10, v1SA, 2, 0, payload(v1Vendor, "\x00\x00\x00\x01\x00\x00\x00\x01", payload(0, "\x01\x01\x00\x01", tr))+payload(0, "\x4a\x13"))
}

func feed(dir flow.Direction, b []byte) (*prototest.Driver, *Transaction) {
	d := prototest.New(New(true))
	d.Feed(dir, b)
	return d, d.Live.List[0].(*Transaction)
}

func TestVersion2(t *testing.T) {
	d, tx := feed(flow.ToClient, init2(3, 2))
	if string(tx.Key) != "KEYKEY" || string(tx.Nonce) != "NONCE" || string(tx.Vendors[0]) != "VENDOR" || tx.InitiatorSPI() != "1122334455667788" || tx.Notify[0] != 16388 {
		t.Errorf("%+v", tx.Message)
	}
	if got := strings.Join(tx.Anomalies, " "); got != "weak_crypto_enc weak_crypto_prf weak_crypto_auth weak_crypto_dh" {
		t.Error(got)
	}
	if got := d.JSON(); !strings.Contains(got, `alg_enc":3`) || !strings.Contains(got, `"ike_sa_init"`) || !strings.Contains(got, `sa_key_length":128`) {
		t.Error(got)
	}
	if _, tx := feed(flow.ToServer, init2(3, 2)); len(tx.Anomalies) != 0 || tx.Chosen() != nil {
		t.Error("an offer was judged")
	}
	if _, tx := feed(flow.ToClient, init2(12, 0)); !strings.Contains(strings.Join(tx.Anomalies, " "), "weak_crypto_nodh") {
		t.Error(tx.Anomalies)
	}
}

func TestVersion1(t *testing.T) {
	_, tx := feed(flow.ToClient, main1())
	want := []Attribute{{"alg_enc", 7}, {"sa_key_length", 128}, {"alg_hash", 2}, {"alg_auth", 1}, {"alg_dh", 2}, {"sa_life_duration", 86400}}
	got := tx.Chosen()
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
	if len(tx.Anomalies) != 0 {
		t.Error(tx.Anomalies)
	}
}

func TestOthers(t *testing.T) {
	if _, tx := feed(flow.ToServer, message(0x10, 8, 32, 1, "cipher")); !tx.Encrypted || len(tx.Anomalies) != 0 {
		t.Errorf("%+v", tx)
	}
	if _, tx := feed(flow.ToServer, message(0x20, v2Encrypted, 35, 8, payload(35, "cipher"))); !tx.Encrypted || len(tx.Anomalies) != 0 {
		t.Errorf("%+v", tx)
	}
	if _, tx := feed(flow.ToServer, append([]byte{0, 0, 0, 0}, main1()...)); tx.Major != 1 || len(tx.Proposals) != 1 {
		t.Errorf("%+v", tx)
	}
	if _, tx := feed(flow.ToServer, message(0x20, v2SA, 34, 8, "\x00\x00\x00\xff")); len(tx.Anomalies) != 1 || tx.Anomalies[0] != "malformed_data" {
		t.Errorf("%+v", tx)
	}
	if _, tx := feed(flow.ToServer, message(0x20, v2SA, 34, 8, payload(0, payload(0, "\x01\x09\x00\x00")))); strings.Join(tx.Anomalies, " ") != "invalid_proposal unknown_proposal" {
		t.Errorf("%+v", tx)
	}
}

func TestRecognise(t *testing.T) {
	f := func(b []byte, want proto.Match) {
		t.Helper()
		if got := Recognise(&proto.Probe{Data: b, Datagram: true, ServerPort: 5000}); got != want {
			t.Errorf("%x: %v, want %v", b, got, want)
		}
	}
	f(main1(), proto.Yes)
	f(init2(12, 14), proto.Yes)
	f(append([]byte{0, 0, 0, 0}, main1()...), proto.Yes)
	f(append(main1(), 0), proto.No)
	f(message(0x30, 1, 2, 0, ""), proto.No)
	f(make([]byte, 40), proto.No)
}

func FuzzParser(f *testing.F) {
	f.Add(main1())
	f.Add(init2(12, 14))
	f.Add(message(0x20, v2Encrypted, 35, 8, payload(35, "cipher")))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := prototest.New(New(true))
		d.Feed(flow.ToClient, b)
		d.JSON()
		Recognise(&proto.Probe{Data: b, Datagram: true})
	})
}
