package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// passphraseBytesMax bounds the passphrase file: a passphrase is typed or generated, never a document.
const passphraseBytesMax = 4096

// ErrSecretReadable is returned for a secret file that others than its owner may read.
var ErrSecretReadable = errors.New("others than its owner may read it; run chmod 600")

// Passphrase reads the first line of the passphrase file. It returns nil when none is configured.
func (c *Config) Passphrase() ([]byte, error) {
	if c.PassphraseFile == "" {
		return nil, nil
	}
	f, err := os.Open(c.PassphraseFile)
	if err != nil {
		return nil, fmt.Errorf("read passphrase_file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read passphrase_file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && info.Mode().IsRegular() {
		return nil, fmt.Errorf("passphrase_file %s: %w", c.PassphraseFile, ErrSecretReadable)
	}
	text, err := io.ReadAll(io.LimitReader(f, passphraseBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("read passphrase_file: %w", err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 || len(text) > passphraseBytesMax {
		return nil, fmt.Errorf("passphrase_file %s: want one line of at most %d bytes", c.PassphraseFile, passphraseBytesMax)
	}
	return line, nil
}
