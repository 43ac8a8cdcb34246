package wire

import "fmt"

// Check implements Message.
func (m *IssueUp) Check() error {
	switch b := m.GetBody().(type) {
	case *IssueUp_Hello:
		return at("hello", b.Hello.Check())
	case *IssueUp_Result:
		return at("result", b.Result.Check())
	case *IssueUp_Report:
		return at("report", b.Report.Check())
	}
	return malformed("body", "missing or unknown")
}

// Check implements Message.
func (m *IssueDown) Check() error {
	switch b := m.GetBody().(type) {
	case *IssueDown_Welcome:
		return at("welcome", b.Welcome.Check())
	case *IssueDown_Document:
		return at("document", b.Document.Check())
	case *IssueDown_Chunk:
		return at("chunk", b.Chunk.Check())
	case *IssueDown_StateAck:
		return nil
	case *IssueDown_End:
		return at("end", b.End.Check())
	}
	return malformed("body", "missing or unknown")
}

func checkDocumentKey(issuer, kind, name string) error {
	return first(checkSite("issuer", issuer), checkName("kind", kind), checkName("name", name))
}

// Check implements Checker. A body is either whole, or absent with a size that announces chunks.
func (m *Document) Check() error {
	err := first(
		checkDocumentKey(m.GetIssuer(), m.GetKind(), m.GetName()),
		checkPositive("version", m.GetVersion()),
		checkMost("targets", len(m.GetTargets()), DocumentTargetsMax),
		checkLen("body_digest", m.GetBodyDigest(), DigestBytes),
		checkPositive("signature", uint64(len(m.GetSignature()))),
		checkMost("signature: bytes", len(m.GetSignature()), 256),
		checkChain("chain", m.GetChain(), true),
	)
	if err != nil {
		return err
	}
	for i, t := range m.Targets {
		if err := checkSite(fmt.Sprintf("targets[%d]", i), t); err != nil {
			return err
		}
	}
	switch {
	case m.BodySize > DocumentBodyBytesMax:
		return malformed("body_size", "%d bytes, at most %d", m.BodySize, DocumentBodyBytesMax)
	case len(m.Body) > DocumentChunkBytes:
		return malformed("body", "%d bytes in one piece, at most %d", len(m.Body), DocumentChunkBytes)
	case len(m.Body) > 0 && uint64(len(m.Body)) != m.BodySize:
		return malformed("body", "%d bytes, announced %d", len(m.Body), m.BodySize)
	}
	return nil
}

// Check implements Checker.
func (m *DocumentChunk) Check() error {
	return first(
		checkPositive("data", uint64(len(m.GetData()))),
		checkMost("data: bytes", len(m.GetData()), DocumentChunkBytes),
		checkMost("index", int(m.GetIndex()), DocumentBodyBytesMax/DocumentChunkBytes),
	)
}

// Check implements Checker.
func (m *DocumentVersion) Check() error {
	return first(checkDocumentKey(m.GetIssuer(), m.GetKind(), m.GetName()), checkPositive("version", m.GetVersion()))
}

// Check implements Checker. A version is asked for in the first hello only; see CheckVersion.
func (m *IssueHello) Check() error {
	return first(
		checkMost("have", len(m.GetHave()), HelloVersionsMax),
		each("have", m.GetHave()),
		checkLen("log", m.GetLog(), IDBytes),
	)
}

// Check implements Checker.
func (m *IssueWelcome) Check() error { return checkPositive("version", uint64(m.GetVersion())) }

// Check implements Checker.
func (m *DocumentResult) Check() error {
	if m.GetCode() <= 0 {
		return malformed("code", "missing")
	}
	return first(
		checkDocumentKey(m.Issuer, m.Kind, m.Name),
		checkPositive("version", m.Version),
		checkText("text", m.Text, TextBytesMax),
	)
}

// Check implements Checker.
func (m *DocumentState) Check() error {
	if m.GetState() <= 0 {
		return malformed("state", "missing")
	}
	return first(
		checkDocumentKey(m.Issuer, m.Kind, m.Name),
		checkPositive("version", m.Version),
		checkSite("site", m.Site),
		checkText("node", m.Node, NameBytesMax),
		checkText("reason", m.Reason, TextBytesMax),
	)
}

// Check implements Checker.
func (m *StateReport) Check() error {
	return first(
		checkLen("log", m.GetLog(), IDBytes),
		checkPositive("through", m.GetThrough()),
		checkMost("states", len(m.GetStates()), ReportStatesMax),
		each("states", m.GetStates()),
	)
}
