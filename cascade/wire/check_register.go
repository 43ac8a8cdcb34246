package wire

import "fmt"

// Check implements Message.
func (m *RegisterUp) Check() error {
	switch b := m.GetBody().(type) {
	case *RegisterUp_Enrol:
		return at("enrol", b.Enrol.Check())
	case *RegisterUp_Heartbeat:
		return at("heartbeat", b.Heartbeat.Check())
	}
	return malformed("body", "missing or unknown")
}

// Check implements Message.
func (m *RegisterDown) Check() error {
	switch b := m.GetBody().(type) {
	case *RegisterDown_Enrol:
		return at("enrol", b.Enrol.Check())
	case *RegisterDown_Heartbeat:
		return at("heartbeat", b.Heartbeat.Check())
	case *RegisterDown_End:
		return at("end", b.End.Check())
	}
	return malformed("body", "missing or unknown")
}

func checkPurpose(p Purpose) error {
	if p != PurposeSite && p != PurposeNode {
		return malformed("purpose", "%d is no purpose", int32(p))
	}
	return nil
}

// Check implements Checker.
func (m *Token) Check() error {
	err := first(
		checkSite("parent", m.GetParent()),
		checkPositive("addresses", uint64(len(m.GetAddresses()))),
		checkAddresses("addresses", m.GetAddresses()),
		checkLen("root_fingerprint", m.GetRootFingerprint(), DigestBytes),
		checkLen("invite_id", m.GetInviteId(), IDBytes),
		checkLen("secret", m.GetSecret(), IDBytes),
		checkPurpose(m.GetPurpose()),
		checkSite("site", m.GetSite()),
		checkText("node", m.GetNode(), NameBytesMax),
		checkText("name", m.GetName(), NameBytesMax),
	)
	if err == nil && m.Expires <= 0 {
		err = malformed("expires", "missing")
	}
	return err
}

// Check implements Checker.
func (m *EnrolRequest) Check() error {
	return first(
		checkPositive("version", uint64(m.GetVersion())),
		checkPurpose(m.GetPurpose()),
		checkLen("invite_id", m.GetInviteId(), IDBytes),
		checkPositive("request", uint64(len(m.GetRequest()))),
		checkMost("request: bytes", len(m.GetRequest()), CertBytesMax),
		checkName("name", m.GetName()),
		checkAddresses("addresses", m.GetAddresses()),
		checkLen("proof", m.GetProof(), DigestBytes),
	)
}

// Check implements Checker.
func (m *EnrolReply) Check() error {
	if m.GetCode() <= 0 {
		return malformed("code", "missing")
	}
	return first(
		checkText("text", m.Text, TextBytesMax),
		checkChain("chain", m.Chain, m.State == EnrolApproved),
		checkMost("secrets: bytes", len(m.Secrets), SecretsBytesMax),
		checkAddresses("addresses", m.Addresses),
		checkSiteOrEmpty("site", m.Site),
	)
}

// Check implements Checker.
func (m *Heartbeat) Check() error {
	err := first(checkPositive("version", uint64(m.GetVersion())), checkPositive("number", m.GetNumber()))
	if err == nil && m.Summary != nil {
		err = at("summary", m.Summary.Check())
	}
	return err
}

// Check implements Checker.
func (m *HeartbeatReply) Check() error {
	return first(
		checkPositive("number", m.GetNumber()),
		checkMost("nodes", len(m.GetNodes()), SiteNodesMax),
		each("nodes", m.GetNodes()),
	)
}

// Check implements Checker.
func (m *NodeAddress) Check() error {
	return first(checkName("node", m.GetNode()), checkName("address", m.GetAddress()))
}

// Check implements Checker: the reporting site comes first, no site comes twice, and every
// other one hangs from a site named before it.
func (m *Summary) Check() error {
	err := first(
		checkSite("site", m.GetSite()),
		checkPositive("sites", uint64(len(m.GetSites()))),
		checkMost("sites", len(m.GetSites()), SummarySitesMax),
		each("sites", m.GetSites()),
	)
	if err != nil {
		return err
	}
	if m.Sites[0].Site != m.Site {
		return malformed("sites[0].site", "%s, want the reporting site %s", m.Sites[0].Site, m.Site)
	}
	seen := make(map[string]bool, len(m.Sites))
	for i, s := range m.Sites {
		if seen[s.Site] {
			return malformed(fmt.Sprintf("sites[%d].site", i), "%s comes twice", s.Site)
		}
		if i > 0 && !seen[s.Parent] {
			return malformed(fmt.Sprintf("sites[%d].parent", i), "%q is not named before", s.Parent)
		}
		seen[s.Site] = true
	}
	return nil
}

// Check implements Checker.
func (m *SiteState) Check() error {
	return first(
		checkSite("site", m.GetSite()),
		checkText("name", m.GetName(), NameBytesMax),
		checkSiteOrEmpty("parent", m.GetParent()),
		checkMost("nodes", len(m.GetNodes()), SiteNodesMax),
		each("nodes", m.GetNodes()),
		checkMost("counts", len(m.GetCounts()), 255),
		each("counts", m.GetCounts()),
		checkText("version", m.GetVersion(), NameBytesMax),
	)
}

// Check implements Checker.
func (m *NodeState) Check() error {
	return first(checkName("node", m.GetNode()), checkText("address", m.GetAddress(), AddressBytesMax))
}

// Check implements Checker.
func (m *ClassCount) Check() error { return checkClass("class", m.GetClass()) }
