package query

import (
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
)

// answerer answers one question.
type answerer func(ctx context.Context, q *wire.Query) (*part, error)

// answer is the answering side of a stream: it reads questions and answers each in its own
// goroutine until the stream or ctx ends, and waits for all.
func answer(ctx context.Context, conn *wire.Conn, ask answerer) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	var mu sync.Mutex
	open := map[[wire.IDBytes]byte]context.CancelFunc{}
	for {
		var down wire.QueryDown
		if err := conn.Read(&down); err != nil {
			return err
		}
		if c := down.GetCancel(); c != nil {
			mu.Lock()
			if stop := open[[wire.IDBytes]byte(c.GetId())]; stop != nil {
				stop()
			}
			mu.Unlock()
			continue
		}
		q := down.GetQuery()
		id := [wire.IDBytes]byte(q.GetId())
		mu.Lock()
		if len(open) >= wire.QueriesOpenMax || open[id] != nil {
			mu.Unlock()
			return wire.Refuse(wire.CodeMalformed, "query: more than %d under way, or one id twice", wire.QueriesOpenMax)
		}
		one, stop := context.WithTimeout(ctx, time.Duration(q.GetRemainingMs())*time.Millisecond)
		open[id] = stop
		mu.Unlock()
		wg.Go(func() {
			p, err := ask(one, q)
			mu.Lock()
			delete(open, id)
			mu.Unlock()
			stop()
			if writePages(conn, q, p, err) != nil {
				_ = conn.Close() // nobody reads any more: ends the loop above
			}
		})
	}
}

// writePages sends a part as pages; the list of sites comes with the last.
func writePages(conn *wire.Conn, q *wire.Query, p *part, refused error) error {
	if p == nil {
		p = newPart(q)
	}
	p.mu.Lock()
	rows, sites := p.rows, p.sites
	if refused == nil && !isClosed(p.whole) {
		refused = &wire.Error{Code: p.code, Text: p.text}
	}
	completeness := p.silent
	p.mu.Unlock()
	if refused != nil && len(sites) == 0 {
		site := q.GetVia()
		if site == "" {
			site, completeness = q.GetScope(), wire.Refused
		}
		st := wire.StatusOf(refused)
		sites = []*wire.SiteAnswer{{Site: site, Completeness: completeness, Code: st.GetCode(), Text: st.GetText()}}
	}
	sites = short(sites)
	for first := true; first || len(rows) > 0; first = false {
		n, size := 0, 0
		for n < len(rows) && n < wire.PageRowsMax && (n == 0 || size+proto.Size(rows[n]) <= wire.PageBytesMax) {
			size += proto.Size(rows[n])
			n++
		}
		page := &wire.AnswerPage{Id: q.GetId(), Rows: rows[:n]}
		if rows = rows[n:]; len(rows) == 0 {
			page.Last, page.Sites = true, sites
		}
		if err := conn.Write(&wire.QueryUp{Body: &wire.QueryUp_Page{Page: page}}); err != nil {
			return err
		}
	}
	return nil
}

// sitesInFull is up to how many sites the list keeps whole texts, siteTextBytes what is left of
// them in a longer list, so that it fits into a frame.
const (
	sitesInFull   = 256
	siteTextBytes = 48
)

func short(sites []*wire.SiteAnswer) []*wire.SiteAnswer {
	if len(sites) <= sitesInFull {
		return sites
	}
	out := make([]*wire.SiteAnswer, 0, min(len(sites), wire.SummarySitesMax))
	for _, s := range sites[:min(len(sites), wire.SummarySitesMax)] {
		if len(s.GetText()) > siteTextBytes {
			s = proto.CloneOf(s)
			s.Text = wire.Clip(s.Text[:siteTextBytes])
		}
		out = append(out, s)
	}
	return out
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
