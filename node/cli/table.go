package cli

// commands is the dispatch table, in the order help lists it.
func commands() []command {
	return []command{
		demoCommand(),
		nodeInitCommand(), nodeRunCommand(), nodeStatusCommand(), nodeInviteCommand(),
		siteInviteCommand(), siteApproveCommand(), siteRejectCommand(), siteRevokeCommand(), siteListCommand(), siteShowCommand(),
		topologyShowCommand(),
		policyIssueCommand(), policyListCommand(), policyStatusCommand(), policyShowCommand(),
		alertListCommand(), alertTailCommand(),
		queryCommand(),
		captureReplayCommand(),
		ledgerBalanceCommand(),
		enforceShowCommand(),
		detectCommand(),
		rulesCheckCommand(), rulesExplainCommand(), rulesProfileCommand(),
		versionCommand(),
		helpCommand(),
	}
}
