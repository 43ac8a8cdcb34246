package channel

import (
	"crypto/cipher"
	"encoding/binary"

	"fengsui/gmcrypto"

	"github.com/emmansun/gmsm/sm4"
)

// A record key is replaced after this much, counted alike on both sides, so
// that no message is needed and none can be suppressed. 2^30 bytes are 2^26
// blocks: SM4-GCM's distinguishing advantage stays below 2^-76 (σ²/2^129).
const (
	rekeyBytes   = 1 << 30
	rekeyRecords = 1 << 24
)

const (
	nonceSize   = 12
	tagSize     = 16
	sm4KeySize  = 16
	keyMaterial = sm4KeySize + nonceSize
)

// direction is the key of one direction of one stream, its counter, and its
// successor. Not safe for concurrent use: the half of the Conn that owns it
// holds a lock.
type direction struct {
	aead    cipher.AEAD
	secret  [32]byte
	iv      [nonceSize]byte
	nonce   [nonceSize]byte // scratch, here so that it need not be allocated
	counter uint64
	bytes   uint64

	bytesMax   uint64
	recordsMax uint64
}

func newDirection(secret [32]byte) direction {
	d := direction{secret: secret, bytesMax: rekeyBytes, recordsMax: rekeyRecords}
	d.install()
	return d
}

// install derives key and IV from the secret and starts counting anew.
func (d *direction) install() {
	d.aead, d.iv = recordKey(d.secret[:], labelRecordKey)
	d.counter, d.bytes = 0, 0
}

// recordKey makes an SM4-GCM instance and its IV.
func recordKey(secret []byte, info string) (cipher.AEAD, [nonceSize]byte) {
	material := gmcrypto.HKDFSM3(secret, nil, info, keyMaterial)
	defer clear(material)
	block, err := sm4.NewCipher(material[:sm4KeySize])
	if err != nil {
		panic("channel: SM4 refuses a 16-byte key: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("channel: GCM refuses SM4: " + err.Error())
	}
	return aead, [nonceSize]byte(material[sm4KeySize:])
}

// current fills the nonce of the next record: IV xor counter.
func (d *direction) current() []byte {
	d.nonce = d.iv
	low := d.nonce[4:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^d.counter)
	return d.nonce[:]
}

// spent counts a record of n plaintext bytes and moves on to the next key when
// this one has done its part. The old secret is overwritten: who takes it later
// cannot read what went before.
func (d *direction) spent(n int) {
	d.counter++
	d.bytes += uint64(n)
	if d.counter < d.recordsMax && d.bytes < d.bytesMax {
		return
	}
	next := gmcrypto.HKDFSM3(d.secret[:], nil, labelNext, len(d.secret))
	copy(d.secret[:], next)
	clear(next)
	d.install()
}

func (d *direction) wipe() {
	clear(d.secret[:])
	clear(d.iv[:])
	clear(d.nonce[:])
}
