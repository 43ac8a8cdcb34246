package enrol

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fengsui/federation/durable"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func rootConfig(dir string) Config {
	return Config{Dir: dir, Site: "440000", Name: "广东省", Node: "n1", Now: func() time.Time { return now }}
}

func mustLoad(t *testing.T, dir string, pass string) *Credentials {
	t.Helper()
	c, err := Load(dir, []byte(pass))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCreateMakesANodeThatVerifies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p1")
	if err := Create(rootConfig(dir)); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, dir, "")
	peer, err := c.Trust.Verify(c.Chain(), now)
	if err != nil {
		t.Fatal(err)
	}
	if peer.String() != "440000/n1" || !c.Member.First || c.Member.Name != "广东省" || c.Member.Parent != nil {
		t.Fatalf("peer %s, member %+v", peer, c.Member)
	}
	if err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err == nil && fi.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", p, fi.Mode())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestCreateGoesOnWhereItStopped(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	if err := Create(rootConfig(whole)); err != nil {
		t.Fatal(err)
	}
	order := []string{nodeKeyFile, dataKeyFile, siteKeyFile, trustFile, memberFile, nodeCrtFile}
	for n := range order {
		dir := filepath.Join(t.TempDir(), "part")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range order[:n] {
			b, err := os.ReadFile(filepath.Join(whole, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Load(dir, nil); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("with %v: loaded: %v", order[:n], err)
		}
		if err := Create(rootConfig(dir)); err != nil {
			t.Errorf("with %v: %v", order[:n], err)
			continue
		}
		c := mustLoad(t, dir, "")
		if _, err := c.Trust.Verify(c.Chain(), now); err != nil {
			t.Errorf("with %v: %v", order[:n], err)
		}
	}
	before, _ := os.ReadFile(filepath.Join(whole, nodeCrtFile))
	if err := Create(rootConfig(whole)); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(filepath.Join(whole, nodeCrtFile)); !bytes.Equal(before, after) {
		t.Error("a second create changed the certificate")
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p1")
	cfg := rootConfig(dir)
	cfg.Passphrase = []byte("open sesame")
	if err := Create(cfg); err != nil {
		t.Fatal(err)
	}
	other := cfg
	other.Node = "n2"
	if err := Create(other); err == nil || !strings.Contains(err.Error(), "already belongs to 440000/n1") {
		t.Errorf("another node's directory: %v", err)
	}
	if _, err := Load(dir, nil); !errors.Is(err, gmcrypto.ErrPassphrase) {
		t.Errorf("no passphrase: %v", err)
	}
	if _, err := Load(dir, []byte("wrong")); !errors.Is(err, gmcrypto.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	mustLoad(t, dir, "open sesame")
	unlock, err := durable.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var inUse *durable.InUseError
	if err := Create(cfg); !errors.As(err, &inUse) {
		t.Errorf("locked: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	bad := cfg
	bad.Site = "44000"
	if err := Create(bad); err == nil {
		t.Error("odd site code accepted")
	}
}

func TestMixedUpFilesAreTold(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, dir := range []string{a, b} {
		if err := Create(rootConfig(dir)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(name, want string) {
		t.Helper()
		own, err := os.ReadFile(filepath.Join(a, name))
		if err != nil {
			t.Fatal(err)
		}
		theirs, _ := os.ReadFile(filepath.Join(b, name))
		if err := os.WriteFile(filepath.Join(a, name), theirs, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(a, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s of another node: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(a, name), own, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f(nodeKeyFile, dataKeyFile)
	f(dataKeyFile, dataKeyFile)
	f(siteKeyFile, siteKeyFile)
	f(trustFile, siteKeyFile)
	f(nodeCrtFile, nodeKeyFile)
}

func TestRenewWorksAloneAndAfterExpiry(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p1")
	if err := Create(rootConfig(dir)); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, dir, "")
	if due := c.RenewAt(); due.Before(now.Add(50*24*time.Hour)) || due.After(now.Add(65*24*time.Hour)) {
		t.Errorf("renewal due %v", due)
	}
	later := now.Add(400 * 24 * time.Hour)
	if _, err := c.Trust.Verify(c.Chain(), later); !errors.Is(err, identity.ErrExpired) {
		t.Fatalf("after 400 days: %v", err)
	}
	if ClockHint(identity.ErrExpired, later) == "" || ClockHint(errors.New("x"), later) != "" {
		t.Error("clock hint")
	}
	if err := c.Renew(later); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Trust.Verify(c.Chain(), later); err != nil {
		t.Fatal(err)
	}
	if again := mustLoad(t, dir, ""); !again.Certificate().Equal(c.Certificate()) {
		t.Error("the renewed certificate is not on disk")
	}
}

func TestSecretsReachOnlyTheirNode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p1")
	if err := Create(rootConfig(dir)); err != nil {
		t.Fatal(err)
	}
	c := mustLoad(t, dir, "")
	k, err := gmcrypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := c.SecretsFor(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	s, site, err := openSecrets(k, sealed, "440000")
	if err != nil || !site.Public().Equal(c.SiteKey.Public()) || !bytes.Equal(s.DataKey, c.dataKey) || s.Name != "广东省" {
		t.Fatalf("opened: %v", err)
	}
	if _, _, err := openSecrets(k, sealed, "440100"); err == nil {
		t.Error("taken for another site's")
	}
	if _, _, err := openSecrets(c.NodeKey, sealed, "440000"); !errors.Is(err, gmcrypto.ErrDecrypt) {
		t.Errorf("opened by another node: %v", err)
	}
}
