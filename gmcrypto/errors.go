package gmcrypto

import "errors"

// Errors a program decides by. They say nothing about why, on purpose: the
// reason a signature or a ciphertext was refused is of use to an attacker only.
var (
	// ErrVerify means the signature is not one by this key, under this label,
	// over this message.
	ErrVerify = errors.New("signature does not verify")
	// ErrDecrypt means the data was not sealed or encrypted under this key, or
	// has been changed since.
	ErrDecrypt = errors.New("data does not decrypt: wrong key or changed data")
	// ErrLabel means a signature was asked for, or offered, without a usable
	// context label.
	ErrLabel = errors.New("signature label must be 1 to 128 bytes of printable ASCII")
	// ErrPassphrase means a key file is encrypted and the passphrase is absent
	// or wrong.
	ErrPassphrase = errors.New("passphrase missing or wrong")
	// ErrKeyFileMode means a private key file can be read by others than its owner.
	ErrKeyFileMode = errors.New("private key file is readable by others")
)
