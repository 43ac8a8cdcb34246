package node

import (
	"context"
	"fmt"
	"log/slog"

	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
	"fengsui/node/config"
	"fengsui/node/enrol"
)

// InitOptions say how a data directory is set up.
type InitOptions struct {
	Token    string // of an invitation; "" makes a topmost site
	Logger   *slog.Logger
	Progress func(step string) // one line a step; nil = nobody watches
}

// Init sets up cfg.Data: keys, certificates, and the place in the tree. With a token it waits for the inviting site's decision until ctx ends. It
// may be run again after any interruption and goes on where it stopped.
func Init(ctx context.Context, cfg config.Config, opt InitOptions) error {
	if err := gmcrypto.SelfTest(); err != nil {
		return fmt.Errorf("check the cryptography: %w", err)
	}
	pass, err := cfg.Passphrase()
	if err != nil {
		return err
	}
	c := enrol.Config{
		Dir: cfg.Data, Site: identity.Site(cfg.Site), Name: cfg.Name, Node: cfg.Node, Passphrase: pass, Logger: opt.Logger, Progress: opt.Progress,
	}
	if cfg.Advertise != "" {
		c.Advertise = []string{cfg.Advertise}
	}
	if opt.Token == "" {
		return explain(&cfg, enrol.Create(c))
	}
	return explain(&cfg, enrol.Join(ctx, c, opt.Token, cfg.Parent.Via))
}
