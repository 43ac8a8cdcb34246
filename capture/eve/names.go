package eve

// names puts right, by event type, the fields whose place in EVE is not the rest of their name. A path that begins with a slash
// stands beside the protocol's object; "" leaves a field out. Never written.
var names = map[string]map[string]string{}
