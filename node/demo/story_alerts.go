package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fengsui/node/api"
)

const (
	alertsSpeed  = 5    // of the shipped capture, which lasts about twenty seconds; other captures go as fast as possible
	alertsShown  = 6    // alerts told one by one
	burstAtLeast = 2000 // alerts of a burst
	burstPasses  = 200  // at most, for captures with few alerts
)

// alerts replays the traffic at the county and follows the alerts to city and province.
func (s *story) alerts(ctx context.Context) error {
	s.out.begin("alerts", "烽", "Attacks in a county's traffic; the province knows", "烽火传警：县区发现，省市即知")
	speed := float64(alertsSpeed)
	if s.o.Pcap != "" {
		speed = 0
	}
	shown := make(chan struct{})
	showing, stop := context.WithCancel(ctx)
	go func() { defer close(shown); s.show(showing) }() // ended and waited for below
	n, err := s.replay(ctx, 1, speed)
	if err == nil && n == 0 {
		err = errors.New("no alert: the rules match nothing in the capture")
	}
	if err == nil {
		_, err = s.settle(ctx)
	}
	stop()
	<-shown
	if err != nil {
		return err
	}
	s.perPass = n
	var toCity, toProvince []time.Duration
	for _, c := range s.watch.since(0) {
		if !c.alert.Detected.IsZero() {
			toCity, toProvince = append(toCity, c.up(atCity)), append(toProvince, c.up(atProvince))
		}
	}
	s.summary.UpP50, s.summary.UpP99 = ms(quantile(toProvince, 0.5)), ms(quantile(toProvince, 0.99))
	s.out.fact(fmt.Sprintf("%d alerts", n), "from detection to the city's ledger, half of them within", took(quantile(toCity, 0.5)))
	s.out.fact("", "from detection to the province's ledger, half of them within", took(quantile(toProvince, 0.5)))
	s.out.fact("", "and ninety-nine of a hundred within", took(quantile(toProvince, 0.99)))
	s.out.end(map[string]any{
		"alerts": n, "city_ms_p50": ms(quantile(toCity, 0.5)), "city_ms_p99": ms(quantile(toCity, 0.99)),
		"up_ms_p50": s.summary.UpP50, "up_ms_p99": s.summary.UpP99,
	})
	return nil
}

// show tells some alerts one by one, each kind of attack once, when the province has them.
func (s *story) show(ctx context.Context) {
	told := map[string]bool{}
	for len(told) < alertsShown {
		_, changed := s.watch.count(atProvince)
		for _, c := range s.watch.since(0) {
			if c.times[atProvince] == 0 || c.times[atCity] == 0 || told[c.alert.Msg] || len(told) >= alertsShown {
				continue
			}
			told[c.alert.Msg] = true
			s.out.fact(c.alert.SrcIP, fmt.Sprintf("%s · city %s", c.alert.Msg, took(c.up(atCity))), took(c.up(atProvince)))
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// cut takes the line between county and city away.
func (s *story) cut(ctx context.Context) error {
	s.out.begin("cut", "断", "The line between county and city is cut; the county goes on alone", "断链：县区自治，检测与封禁不停")
	before, _ := s.watch.count(atCity)
	s.lab.Relay.Cut()
	began := time.Now()
	n, err := s.replay(ctx, 1, 0)
	if err != nil {
		return err
	}
	own, err := s.ids(ctx, s.lab.Node(county+"/n1"))
	if err != nil {
		return err
	}
	if seen, _ := s.watch.count(atCity); seen != before {
		return fmt.Errorf("%d records came through the cut", seen-before)
	}
	s.summary.OfflineDetected = len(own) - before
	s.out.fact(named(county), fmt.Sprintf("detects alone: %d alerts in its ledger, %d at the city", len(own), before), fmt.Sprintf("+%d", s.summary.OfflineDetected))
	if s.summary.OfflineDetected != n {
		return fmt.Errorf("%d alerts were raised while cut off, %d are in the ledger", n, s.summary.OfflineDetected)
	}
	if len(s.blocked) > 0 {
		kernel, err := s.enforced(ctx, county+"/n1")
		if err != nil {
			return err
		}
		if !slices.Equal(kernel, s.blocked) {
			return fmt.Errorf("the county enforces %v instead of %v", kernel, s.blocked)
		}
		s.out.fact("", "enforces alone: the kernel, asked again, holds the same", fmt.Sprint(len(kernel)))
	}
	if err := s.lab.Link(ctx, city, county, "offline"); err != nil {
		return err
	}
	dark := time.Since(began)
	s.out.fact(named(city), "marks "+named(county)+" offline", took(dark))
	q, err := s.question(ctx)
	if err != nil {
		return err
	}
	s.out.end(map[string]any{"offline_detected": s.summary.OfflineDetected, "offline_seen_ms": ms(dark), "enforced": len(s.blocked), "query": q})
	return nil
}

// question asks the whole subtree while one county is dark.
func (s *story) question(ctx context.Context) ([]api.SiteAnswer, error) {
	r, err := s.lab.Node(province+"/n1").Client().Query(ctx, api.QueryRequest{Expr: "*", Scope: "subtree", Deadline: 2 * time.Second, Limit: 10})
	if err != nil {
		return nil, fmt.Errorf("query the subtree: %w", err)
	}
	slices.SortFunc(r.Sites, func(a, b api.SiteAnswer) int { return strings.Compare(a.Site, b.Site) })
	by := map[string][]string{}
	for _, a := range r.Sites {
		by[a.Status] = append(by[a.Status], siteName(a.Site))
	}
	s.summary.Query = QuerySummary{len(by["answered"]), len(by["offline"])}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, status+" "+strings.Join(by[status], " "))
	}
	what := strings.Join(parts, " · ")
	s.out.fact("query the subtree", what, took(r.Elapsed))
	if r.Complete || s.summary.Query.Offline != 1 || s.summary.Query.Answered != 3 {
		return nil, fmt.Errorf("query the subtree: %d answered, %d offline, complete %v; want 3, 1, false", s.summary.Query.Answered, s.summary.Query.Offline, r.Complete)
	}
	return r.Sites, nil
}

// heal gives the line back and waits until everything has arrived.
func (s *story) heal(ctx context.Context) error {
	s.out.begin("heal", "续", "The line is back; everything arrives, once", "复链：补传不重不漏")
	began := time.Now()
	have, _ := s.watch.count(atProvince)
	s.lab.Relay.Heal()
	if err := s.watch.wait(ctx, atProvince, have+1); err != nil {
		return fmt.Errorf("wait for the first record after the cut: %w", err)
	}
	first := time.Since(began)
	if err := s.watch.wait(ctx, atProvince, have+s.summary.OfflineDetected); err != nil {
		return fmt.Errorf("wait for the records of the cut: %w", err)
	}
	all := time.Since(began)
	a, err := s.settle(ctx)
	if err != nil {
		return err
	}
	s.summary.CatchUpMS = ms(all)
	s.out.fact("first record", "at the province after", took(first))
	s.out.fact(fmt.Sprintf("all %d", s.summary.OfflineDetected), "at the province after", took(all))
	s.equal(a)
	s.out.end(map[string]any{"first_ms": ms(first), "catch_up_ms": ms(all), "county": a.county, "city": a.city, "province": a.province})
	return nil
}

// equal tells that the ledgers hold the same records.
func (s *story) equal(a account) {
	s.out.fact("three ledgers", fmt.Sprintf("county %d = city %d = province %d, record by record", a.county, a.city, a.province), "lost 0")
}
