package event

// KindTelnet is a line typed in a Telnet session.
const KindTelnet Kind = "telnet"

// Fields of Telnet; user.name is who logged in.
const (
	TelnetPrompt       = "fengsui.telnet.prompt"
	TelnetLine         = "fengsui.telnet.line"     // masked for passwords
	TelnetOutput       = "fengsui.telnet.output"   // the beginning of what followed
	TelnetTerminal     = "fengsui.telnet.terminal" // as the client names it
	TelnetEnviron      = "fengsui.telnet.environ"  // name=value
	ProcessCommandLine = "process.command_line"
)
