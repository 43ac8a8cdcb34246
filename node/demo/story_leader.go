package demo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// leader kills the province's leader in the middle of a burst.
func (s *story) leader(ctx context.Context) error {
	s.out.begin("leader", "折", "The province's leader is killed in the middle of a burst", "折将：省级主节点被杀，不丢不重")
	passes := min(burstPasses, burstAtLeast/max(1, s.perPass)+1)
	before, _ := s.watch.count(atProvince)
	began := time.Now()
	burst := make(chan error, 1)
	go func() { _, err := s.replay(ctx, passes, 0); burst <- err }() // waited for below
	err := s.watch.wait(ctx, atProvince, before+max(1, passes*s.perPass/4))
	if err != nil {
		return errors.Join(fmt.Errorf("wait for the burst to reach the province: %w", err), <-burst)
	}
	leader, err := s.leaderOf(ctx, province, nil)
	if err != nil {
		return errors.Join(err, <-burst)
	}
	at, _ := s.watch.count(atProvince)
	if err := leader.Kill(); err != nil {
		return errors.Join(err, <-burst)
	}
	killed := time.Now()
	next, err := s.leaderOf(ctx, province, leader)
	if err != nil {
		return errors.Join(err, <-burst)
	}
	elected := time.Since(killed)
	s.out.fact(leader.ID(), fmt.Sprintf("killed (-9) with %d of the burst's alerts at the province", at-before), "")
	s.out.fact(next.ID(), "leads after", took(elected))
	if err := s.watch.wait(ctx, atProvince, at+1); err != nil {
		return errors.Join(fmt.Errorf("wait for records after the election: %w", err), <-burst)
	}
	if err := <-burst; err != nil {
		return err
	}
	a, err := s.settle(ctx)
	if err != nil {
		return err
	}
	done := time.Since(began)
	all := a.province - before
	s.out.fact(fmt.Sprintf("%d alerts", all), fmt.Sprintf("raised and carried up two tiers through it: %.0f a second", float64(all)/done.Seconds()), took(done))
	s.equal(a)
	if all < burstAtLeast && passes < burstPasses {
		return fmt.Errorf("the burst was %d alerts, want %d", all, burstAtLeast)
	}
	back := time.Now()
	if err := leader.Start(ctx); err != nil {
		return err
	}
	err = poll(ctx, func() (bool, error) {
		ids, err := s.ids(ctx, leader)
		return len(ids) == a.province, err
	})
	if err != nil {
		return fmt.Errorf("wait until %s has caught up: %w", leader.ID(), err)
	}
	caught := time.Since(back)
	s.out.fact(leader.ID(), "started again, and holds everything after", took(caught))
	s.out.end(map[string]any{
		"killed": leader.ID(), "leads": next.ID(), "election_ms": ms(elected), "burst": all, "burst_ms": ms(done), "rejoin_ms": ms(caught),
		"county": a.county, "city": a.city, "province": a.province,
	})
	return nil
}

// leaderOf asks the nodes of a site who leads; not is a node that is known not to.
func (s *story) leaderOf(ctx context.Context, site string, not *Node) (*Node, error) {
	var found *Node
	err := poll(ctx, func() (bool, error) {
		for _, n := range s.lab.Site(site) {
			if n == not {
				continue
			}
			st, err := n.Client().Status(ctx)
			if err != nil {
				return false, err
			}
			if st.Cluster.IsLeader {
				found = n
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the leader of %s: %w", site, err)
	}
	return found, nil
}

// account closes the books: ledgers equal, and every lane balanced.
func (s *story) account(ctx context.Context) error {
	s.out.begin("account", "账", "The books are closed", "对账：产生 = 送达 + 待送")
	a, err := s.settle(ctx)
	if err != nil {
		return err
	}
	var lanes []map[string]any
	for _, site := range []string{county, city} {
		var here []map[string]any
		err := poll(ctx, func() (bool, error) {
			b, err := s.lab.Alive(site).Client().Balance(ctx)
			if err != nil {
				return false, err
			}
			here = nil
			for _, l := range b.Lanes {
				if l.Produced != l.Delivered+l.Pending {
					return false, fmt.Errorf("the books of %s do not balance: %s %s produced %d, delivered %d, pending %d", site, l.Origin, l.Class, l.Produced, l.Delivered, l.Pending)
				}
				if l.Pending > 0 {
					return false, nil
				}
				if l.Origin == county {
					here = append(here, map[string]any{"site": site, "origin": l.Origin, "class": l.Class, "produced": l.Produced, "delivered": l.Delivered, "pending": l.Pending})
					s.balanced = l.Produced
				}
			}
			return len(here) > 0, nil
		})
		if err != nil {
			return fmt.Errorf("balance the books of %s: %w", site, err)
		}
		lanes = append(lanes, here...)
		s.out.fact(named(site), fmt.Sprintf("produced %d = delivered %d + pending 0", s.balanced, s.balanced), "balanced")
	}
	s.equal(a)
	s.summary.Detected, s.summary.City, s.summary.Province = a.county, a.city, a.province
	s.summary.Lost, s.summary.Duplicated = a.lost, a.duplicated
	s.out.end(map[string]any{"lanes": lanes})
	if s.o.JSON {
		s.out.object(s.summary)
		return nil
	}
	s.out.write("")
	s.out.write("  " + s.out.style.Good("✓") + " " + s.out.style.Bold(fmt.Sprintf("%d detected, %d at the city, %d at the province; lost %d, duplicated %d", a.county, a.city, a.province, a.lost, a.duplicated)))
	return nil
}
