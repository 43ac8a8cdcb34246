// Command fengsui is security monitoring for government networks, one binary at province, city and county. This is the door;
// node/cli is behind it.
package main

import (
	"os"

	"fengsui/node/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], cli.SystemEnv())) }
