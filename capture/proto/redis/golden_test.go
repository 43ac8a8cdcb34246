package redis_test

import (
	"testing"

	"fengsui/capture/proto/replay"
)

// The capture has 158 commands (tshark -d tcp.port==10625,resp -Y "resp.array && tcp.dstport==10625").
func TestCapture(t *testing.T) {
	list := replay.Golden(t, replay.Shared+"pcaps/zeek-redis-django-cloud.pcapng", "redis", "django.golden")
	if len(list) != 158 {
		t.Errorf("%d commands", len(list))
	}
}
