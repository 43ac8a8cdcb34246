package gmcrypto

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

const (
	keyFileBytesMax = 16 << 10
	pemPlainKey     = "PRIVATE KEY"
	pemSealedKey    = "ENCRYPTED PRIVATE KEY"
	// passphraseIterations of PBKDF2-HMAC-SM3: a fifth of a second here, once a
	// start.
	passphraseIterations = 300_000
)

// MarshalKey encodes a private key as PEM with PKCS#8 inside, encrypted when
// passphrase is not empty (PBES2: PBKDF2-HMAC-SM3, SM4-CBC).
func MarshalKey(k *PrivateKey, passphrase []byte) ([]byte, error) {
	if len(passphrase) == 0 {
		der, err := smx509.MarshalPKCS8PrivateKey(k.key)
		if err != nil {
			return nil, fmt.Errorf("encode private key: %w", err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: pemPlainKey, Bytes: der}), nil
	}
	opts := pkcs.NewPBESEncrypter(pkcs.SM4CBC, pkcs.NewPBKDF2Opts(pkcs.SM3, 16, passphraseIterations))
	der, err := pkcs8.MarshalPrivateKey(k.key, passphrase, opts)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemSealedKey, Bytes: der}), nil
}

// ParseKey reads what MarshalKey wrote. A missing or wrong passphrase is
// ErrPassphrase.
func ParseKey(data, passphrase []byte) (*PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block found")
	}
	var parsed any
	var err error
	switch block.Type {
	case pemPlainKey:
		parsed, err = smx509.ParsePKCS8PrivateKey(block.Bytes)
	case pemSealedKey:
		if len(passphrase) == 0 {
			return nil, ErrPassphrase
		}
		parsed, err = pkcs8.ParsePKCS8PrivateKey(block.Bytes, passphrase)
		if err != nil { // CBC tells a wrong passphrase only by broken padding or ASN.1
			return nil, fmt.Errorf("%w (%w)", ErrPassphrase, err)
		}
	default:
		return nil, fmt.Errorf("PEM block is %q, want %q or %q", block.Type, pemPlainKey, pemSealedKey)
	}
	if err != nil {
		return nil, fmt.Errorf("parse PKCS#8: %w", err)
	}
	k, ok := parsed.(*sm2.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key is a %T, want SM2", parsed)
	}
	return newPrivateKey(k)
}

// SaveKey writes a private key file: PKCS#8 PEM, encrypted when passphrase is
// not empty, mode 0600. The file appears whole or not at all, and is on disk
// when SaveKey returns; an existing file is replaced.
func SaveKey(path string, k *PrivateKey, passphrase []byte) error {
	data, err := MarshalKey(k, passphrase)
	if err != nil {
		return fmt.Errorf("save key %s: %w", path, err)
	}
	if err := replaceFile(path, data); err != nil {
		return fmt.Errorf("save key %s: %w", path, err)
	}
	return nil
}

// replaceFile repeats federation/durable.WriteFile in small: gmcrypto is the
// lowest room and imports nobody.
func replaceFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	temp, err := writeTemp(dir, data)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeTemp writes data to a new file of mode 0600 and makes it durable.
func writeTemp(dir string, data []byte) (string, error) {
	f, err := os.CreateTemp(dir, ".key-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// LoadKey reads a private key file. It refuses a file that group or others may
// read (ErrKeyFileMode), and says ErrPassphrase for a missing or wrong
// passphrase; a passphrase given for a plain file is not used.
func LoadKey(path string, passphrase []byte) (*PrivateKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	defer func() { _ = f.Close() }() // read only: nothing to lose
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("load key %s: not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("load key %s: %w (mode %04o): run chmod 600 %s", path, ErrKeyFileMode, perm, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, keyFileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", path, err)
	}
	if len(data) > keyFileBytesMax {
		return nil, fmt.Errorf("load key %s: larger than %d bytes", path, keyFileBytesMax)
	}
	k, err := ParseKey(data, passphrase)
	if err != nil {
		return nil, fmt.Errorf("load key %s: %w", path, err)
	}
	return k, nil
}
