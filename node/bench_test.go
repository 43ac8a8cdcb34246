package node

import (
	"fmt"
	"testing"

	"fengsui/node/api"
)

// BenchmarkTwoHops replays the sample capture at a county, with a rule that alerts on every packet, as fast as it can be read, until its alerts are in the province's ledger: county, city
// and province of one node each, in one process, over real QUIC with SM2 and SM4, each committing with Raft and fsync. One operation is one
// packet, and nearly every packet an alert: look at alerts/s.
func BenchmarkTwoHops(b *testing.B) {
	w := newWorld(b)
	ctx := b.Context()
	province := w.add("440000", "n1", "").start()
	city := w.add("440100", "n1", province.invite(api.InviteRequest{Purpose: "site", Site: "440100", Approve: true})).start()
	county := w.add("440106", "n1", city.invite(api.InviteRequest{Purpose: "site", Site: "440106", Approve: true})).start()
	if _, err := province.IssuePolicy(ctx, api.PolicyRequest{Kind: "ruleset", Name: "base", Body: []byte("alert tcp any any -> any any (msg:\"every packet\"; dsize:>=0; sid:1; rev:1;)\n")}); err != nil {
		b.Fatal(err)
	}
	province.applied("ruleset", "base", 1, "applied", "440106/n1")
	perPass := county.replay()
	w.same("440106", county, province)
	passes := max(1, b.N/int(perPass))
	b.ResetTimer()
	r, err := county.StartReplay(ctx, api.ReplayRequest{Path: w.pcap, Repeat: passes, Wait: true})
	if err != nil {
		b.Fatal(err)
	}
	want := perPass + r.Alerts
	w.until("the alerts at the province", func() error {
		bal, err := province.Balance(ctx)
		if err != nil || bal.Lanes[0].Produced != want {
			return fmt.Errorf("%+v of %d, %w", bal, want, err)
		}
		return nil
	})
	b.StopTimer()
	b.ReportMetric(float64(r.Alerts)/b.Elapsed().Seconds(), "alerts/s")
}
