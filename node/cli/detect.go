package cli

import (
	"context"
	"slices"

	"fengsui/node/detect"
)

func detectCommand() command {
	return command{
		name: "detect", args: "--rules FILE… (--pcap FILE… | --interface NAME) …", summary: "run rules over captures or an interface, without a node",
		help: `One line an alert on standard output (with --json as Suricata's EVE), a summary on standard error. Rules that cannot be honoured
are listed with file, line and reason, and are never half-applied. "fengsui detect --help" lists all flags.

    fengsui detect --rules local.rules --pcap incident.pcap --json
    fengsui detect --rules etopen.tar.gz --interface eth1 --eve eve.json`,
		run: func(ctx context.Context, e Env, args []string) error {
			if slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" }) {
				c := detectCommand()
				if err := c.printHelp(e.Stdout); err != nil {
					return err
				}
			}
			if code := detect.Run(ctx, args, e.Stdout, e.Stderr); code != exitDone {
				return exitError(code)
			}
			return nil
		},
	}
}
