package mqtt_test

import (
	"strings"
	"testing"

	"fengsui/capture/event"
	"fengsui/capture/proto/replay"
)

// The capture has 20 packets (tshark -Y mqtt -T fields -e mqtt.msgtype).
func TestCapture(t *testing.T) {
	packets := 0
	for _, e := range replay.Golden(t, replay.Shared+"pcaps/malcolm-proto-MQTT.pcap", "mqtt", "malcolm.golden") {
		packets += len(strings.Split(e.Text(event.MQTTMessages), ","))
	}
	if packets != 20 {
		t.Errorf("%d packets", packets)
	}
}

func TestSubscription(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"suricata-verify-dev/mqtt-sub-rules/input.pcap", "mqtt", "subscribe.golden")
	if n := replay.Count(list, event.MQTTMessages, "SUBSCRIBE,SUBACK"); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
}
