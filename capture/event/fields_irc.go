package event

// KindIRC is an IRC message.
const KindIRC Kind = "irc"

// Fields of IRC; user.name is the client's nickname.
const (
	IRCDirection  = "fengsui.irc.direction" // to_server, to_client
	IRCCommand    = "fengsui.irc.command"
	IRCNick       = "fengsui.irc.nick" // of the sender of a message the server passes on
	IRCChannel    = "fengsui.irc.channel"
	IRCParams     = "fengsui.irc.params" // secrets masked
	IRCDCCKind    = "fengsui.irc.dcc.type"
	IRCDCCFile    = "fengsui.irc.dcc.file"
	IRCDCCAddress = "fengsui.irc.dcc.address"
	IRCDCCSize    = "fengsui.irc.dcc.size" // bytes, as offered
)
