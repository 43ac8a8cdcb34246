package cli

import (
	"context"
	"io"
	"slices"

	"fengsui/node/rules"
)

// rulesFlagsHelp ends the help of the commands that read rules.
const rulesFlagsHelp = `

Rules are read as ` + "`fengsui detect`" + ` reads them: --rules FILE, --home-net LIST, --external-net LIST, --var NAME=VALUE, --vars FILE,
--threshold-file FILE, --reputation-categories FILE, --reputation FILE. --json prints JSON.`

// trafficFlagsHelp goes before it where captures are read.
const trafficFlagsHelp = `

--pcap FILE is repeatable and may be a directory; --checksum-validation=false, --midstream and --async-oneside as in ` + "`fengsui detect`" + `.`

// standalone makes the run function of a command that reads its flags itself.
func standalone(c func() command, run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) func(context.Context, Env, []string) error {
	return func(ctx context.Context, e Env, args []string) error {
		if slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" }) {
			this := c()
			return this.printHelp(e.Stdout)
		}
		if code := run(ctx, args, e.Stdout, e.Stderr); code != exitDone {
			return exitError(code)
		}
		return nil
	}
}

func rulesCheckCommand() command {
	return command{
		name: "rules check", args: "FILE… [--keywords] [--json]", summary: "say which rules are refused, where and why",
		help: `Compiles rule files, folders of *.rules and .tar.gz of them, and lists what is refused: file:line:column, sid, keyword, reason; then the
totals by keyword. With --keywords it also counts the rules that use each keyword. Exit code 1 when something is refused.

    fengsui rules check local.rules
    fengsui rules check etopen.tar.gz --vars site.vars --json` + rulesFlagsHelp,
		run: standalone(rulesCheckCommand, rules.Check),
	}
}

func rulesExplainCommand() command {
	return command{
		name: "rules explain", args: "SID --rules FILE… --pcap FILE… [--attempts N] [--json]", summary: "show step by step where a rule matched a capture, or failed",
		help: `Runs all the rules over the capture, for what one rule marks another may ask, and traces the one that is named: each thing it asks in order,
where in which buffer it was found, and what failed first and why, with the bytes round the place. A verdict stands in the first
line; below it the attempts that got furthest (3, or --attempts N), and what kept the rule's header from fitting other packets.
SID may be GID:SID.

    fengsui rules explain 2028765 --rules etopen.tar.gz --pcap incident.pcap` + trafficFlagsHelp + rulesFlagsHelp,
		run: standalone(rulesExplainCommand, rules.Explain),
	}
}

func rulesProfileCommand() command {
	return command{
		name: "rules profile", args: "--rules FILE… --pcap FILE… [--top N] [--sort time|checks|matches|each] [--json]", summary: "list what each rule costs on a capture",
		help: `Runs the rules over the capture and lists the dearest: time spent judging the rule, its share of the time of all rules, how often it was
judged, how often all of it held, and the time of one judgement. A rule is judged when the prefilter found its pattern, or when
it has none; one that is judged often and never matches wants a better pattern. The prefilter's own time belongs to no rule.

    fengsui rules profile --rules etopen.tar.gz --pcap busy.pcap --top 20` + trafficFlagsHelp + rulesFlagsHelp,
		run: standalone(rulesProfileCommand, rules.Profile),
	}
}
