package field

import "fengsui/capture/flow"

// tftp has no keywords of its own in the rule language: rules of the protocol look at flows and payload.
func tftp() Protocol { return Protocol{App: flow.AppTFTP} }
