package wire

// Check implements Message.
func (m *QueryDown) Check() error {
	switch b := m.GetBody().(type) {
	case *QueryDown_Query:
		return at("query", b.Query.Check())
	case *QueryDown_Cancel:
		return at("cancel", b.Cancel.Check())
	}
	return malformed("body", "missing or unknown")
}

// Check implements Message.
func (m *QueryUp) Check() error {
	switch b := m.GetBody().(type) {
	case *QueryUp_Hello:
		return at("hello", b.Hello.Check())
	case *QueryUp_Page:
		return at("page", b.Page.Check())
	case *QueryUp_End:
		return at("end", b.End.Check())
	}
	return malformed("body", "missing or unknown")
}

// Check implements Checker.
func (m *QueryHello) Check() error { return checkPositive("version", uint64(m.GetVersion())) }

// Check implements Checker.
func (m *Query) Check() error {
	err := first(
		checkLen("id", m.GetId(), IDBytes),
		checkSite("asker", m.GetAsker()),
		checkText("expr", m.GetExpr(), QueryExprBytesMax),
		checkSite("scope", m.GetScope()),
		checkPositive("remaining_ms", uint64(m.GetRemainingMs())),
		checkPositive("limit", uint64(m.GetLimit())),
		checkMost("limit", int(m.GetLimit()), QueryRowsMax),
		checkPositive("budget_bytes", m.GetBudgetBytes()),
		checkSiteOrEmpty("via", m.GetVia()),
		checkText("user", m.GetUser(), NameBytesMax),
	)
	switch {
	case err != nil:
		return err
	case int64(m.RemainingMs) > QueryTimeMax.Milliseconds():
		return malformed("remaining_ms", "%d, at most %d", m.RemainingMs, QueryTimeMax.Milliseconds())
	case m.BudgetBytes > QueryBytesMax:
		return malformed("budget_bytes", "%d, at most %d", m.BudgetBytes, QueryBytesMax)
	}
	return nil
}

// Check implements Checker.
func (m *QueryCancel) Check() error { return checkLen("id", m.GetId(), IDBytes) }

// Check implements Checker.
func (m *Row) Check() error {
	return first(
		checkSite("origin", m.GetOrigin()),
		checkLen("id", m.GetId(), IDBytes),
		checkName("type", m.GetType()),
		checkMost("payload: bytes", len(m.GetPayload()), RecordPayloadBytesMax),
	)
}

// Check implements Checker.
func (m *SiteAnswer) Check() error {
	if m.GetCompleteness() <= 0 {
		return malformed("completeness", "missing")
	}
	return first(checkSite("site", m.GetSite()), checkText("text", m.GetText(), TextBytesMax))
}

// Check implements Checker. The list of sites comes with the last page.
func (m *AnswerPage) Check() error {
	err := first(
		checkLen("id", m.GetId(), IDBytes),
		checkMost("rows", len(m.GetRows()), PageRowsMax),
		each("rows", m.GetRows()),
		checkMost("sites", len(m.GetSites()), SummarySitesMax),
		each("sites", m.GetSites()),
	)
	if err == nil && len(m.Sites) > 0 && !m.Last {
		err = malformed("sites", "before the last page")
	}
	return err
}
