package field

import (
	"testing"

	"fengsui/capture/flow"
	"fengsui/capture/proto"
	en "fengsui/capture/proto/enip"
	ik "fengsui/capture/proto/ike"
	mq "fengsui/capture/proto/mqtt"
)

// find returns the test of a keyword.
func find(t *testing.T, p Protocol, name string) func(value string) (func(v *View) bool, error) {
	t.Helper()
	for _, x := range p.Tests {
		for _, n := range x.Names {
			if n == name {
				return x.Parse
			}
		}
	}
	t.Fatalf("%s has no %s", p.App, name)
	return nil
}

// asks holds a keyword to what it must find, or refuses.
func asks(t *testing.T, p Protocol, name string, v *View, wants map[string]bool, refused ...string) {
	t.Helper()
	parse := find(t, p, name)
	for value, want := range wants {
		f, err := parse(value)
		if err != nil {
			t.Errorf("%s:%s: %v", name, value, err)
		} else if got := f(v); got != want {
			t.Errorf("%s:%s is %v", name, value, got)
		}
	}
	for _, value := range refused {
		if _, err := parse(value); err == nil {
			t.Errorf("%s:%s was accepted", name, value)
		}
	}
}

func TestMQTTKeywords(t *testing.T) {
	tx := &mq.Transaction{Version: 5, Messages: []mq.Message{
		{Type: mq.Connect, Connect: &mq.Opening{Flags: mq.FlagUsername | mq.FlagCleanSession, ClientID: []byte("me")}},
		{Type: mq.Connack, SessionPresent: true, Reasons: []uint8{0}, Dir: flow.ToClient},
	}}
	tx.OneSide, tx.Only = true, flow.ToServer
	v := &View{Tx: tx, Dir: flow.ToServer}
	asks(t, mqtt5(), "mqtt.connect.flags", v, map[string]bool{
		"username": true, "username,!password": true, "username, clean_session": true, "password": false, "!username": false, "0x82": true, "&0x82=0x80": false, "&0x80=0x80": true, "&0x80!=0": true,
	}, "user", "username,!username", "&1=2", "&x=1")
	asks(t, mqtt5(), "mqtt.flags", v, map[string]bool{"!dup,!retain": true, "dup": false}, "qos")
	asks(t, mqtt5(), "mqtt.connack.session_present", v, map[string]bool{"yes": true, "true": true, "no": false, "false": false}, "maybe")
	for _, b := range mqtt5().Buffers {
		data, ok := b.Get(v, 0, nil)
		if want := b.Names[0] == "mqtt.connect.clientid"; ok != want || want && string(data) != "me" {
			t.Errorf("%s: %q %v", b.Names[0], data, ok)
		}
		if _, ok := b.Get(&View{Tx: tx, Dir: flow.ToClient}, 0, nil); ok {
			t.Errorf("%s stands on the other side too", b.Names[0])
		}
	}
}

func mqtt5() Protocol { return protocolOf(flow.AppMQTT) }

func protocolOf(app flow.App) Protocol {
	for _, p := range Protocols() {
		if p.App == app {
			return p
		}
	}
	return Protocol{}
}

func TestIKEKeywords(t *testing.T) {
	tx := &ik.Transaction{Message: ik.Message{Major: 1, RespSPI: 0xab, Vendors: [][]byte{{1, 2}}, Proposals: []ik.Proposal{{Transforms: [][]ik.Attribute{{{Name: "alg_hash", Value: 2}}}}}}}
	tx.OneSide, tx.Only = true, flow.ToClient
	asks(t, protocolOf(flow.AppIKE), "ike.chosen_sa_attribute", &View{Tx: tx, Dir: flow.ToClient}, map[string]bool{"alg_hash=2": true, " alg_hash = 2": true, "alg_hash=1": false, "alg_enc=2": false},
		"alg_hash", "alg_what=1", "alg_hash=x")
	asks(t, protocolOf(flow.AppIKE), "ike.chosen_sa_attribute", &View{Tx: tx, Dir: flow.ToServer}, map[string]bool{"alg_hash=2": false})
	for _, b := range protocolOf(flow.AppIKE).Buffers {
		if b.Names[0] != "ike.resp_spi" {
			continue
		}
		if data, ok := b.Get(&View{Tx: tx, Dir: flow.ToClient}, 0, nil); !ok || string(data) != "00000000000000ab" || b.Dirs != ToClient {
			t.Errorf("%q", data)
		}
	}
}

func TestCIPService(t *testing.T) {
	tx := &en.Transaction{PDUs: [2]*en.PDU{
		{CIP: []en.CIP{{Service: 16, Classes: []uint32{246}, Attributes: []uint32{6}}}},
		{CIP: []en.CIP{{Service: 16, Answer: true, Status: 8}}},
	}}
	var _ proto.Transaction = tx
	p := protocolOf(flow.AppENIP)
	asks(t, p, "cip_service", &View{Tx: tx, Dir: flow.ToServer}, map[string]bool{"16": true, "16,246": true, "16, 246, 6": true, "16,246,7": false, "16,1": false, "14": false},
		"", "x", "1,2,3,4", "200", "16,70000")
	asks(t, p, "cip_service", &View{Tx: tx, Dir: flow.ToClient}, map[string]bool{"16": true, "16,246": false})
	for _, n := range p.Numbers {
		if n.Names[0] != "enip.cip_status" {
			continue
		}
		if got, ok := n.Get(&View{Tx: tx, Dir: flow.ToClient}, 0); !ok || got != 8 {
			t.Errorf("%d %v", got, ok)
		}
		if _, ok := n.Get(&View{Tx: tx, Dir: flow.ToServer}, 0); ok {
			t.Error("a request has a status")
		}
	}
}
