package channel

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"

	"fengsui/gmcrypto"

	"github.com/emmansun/gmsm/ecdh"
	"github.com/emmansun/gmsm/sm3"
)

// Labels of the protocol. The version in them is the prologue: a side that
// speaks another version arrives at other hashes and other keys.
const (
	labelPrologue  = "fengsui channel v1 prologue"
	labelClient    = "fengsui channel v1 client"
	labelServer    = "fengsui channel v1 server"
	labelMaster    = "fengsui channel v1 master"
	labelExporter  = "fengsui channel v1 exporter"
	labelExport    = "fengsui channel v1 export "
	labelStream    = "fengsui channel v1 stream"
	labelDatagram  = "fengsui channel v1 datagram"
	labelEpoch     = "fengsui channel v1 epoch"
	labelRecordKey = "fengsui channel v1 record key"
	labelNext      = "fengsui channel v1 next"
)

// transcript is the running hash of the handshake: prologue and carrier
// binding first, then each message as it was sent.
type transcript struct{ hash [32]byte }

func newTranscript(binding []byte) transcript {
	var sizes [4]byte
	binary.BigEndian.PutUint16(sizes[:], suiteSM)
	binary.BigEndian.PutUint16(sizes[2:], uint16(len(binding)))
	return transcript{gmcrypto.SM3([]byte(labelPrologue), sizes[:], binding)}
}

func (t *transcript) add(part []byte) { t.hash = gmcrypto.SM3(t.hash[:], part) }

// identity is the SM2 user identity of a side: its role and the transcript so
// far. So Z, and with it the shared key and both confirmations, covers the
// carrier binding, the versions, and every byte sent before.
func (t *transcript) identity(label string) []byte { return append([]byte(label), t.hash[:]...) }

// exchange is the key agreement of GB/T 32918.3-2016 §6.1 with the optional
// confirmation made mandatory. Used once, then destroyed.
type exchange struct {
	static    *ecdh.PrivateKey
	ephemeral *ecdh.PrivateKey

	key      [32]byte // K, klen = 256
	confirmB [32]byte // SB = S1
	confirmA [32]byte // SA = S2
}

// newExchange draws the ephemeral key (steps A1 and B1) by rejection from the
// random source, so that a test can fix it.
func newExchange(key *gmcrypto.PrivateKey, random io.Reader) (*exchange, error) {
	var scalar [32]byte
	defer clear(scalar[:])
	for range 64 { // one draw in 2^32 is refused; 64 refusals are a broken source
		if _, err := io.ReadFull(random, scalar[:]); err != nil {
			return nil, fmt.Errorf("draw ephemeral key: %w", err)
		}
		e, err := ecdh.P256().NewPrivateKey(scalar[:])
		if err == nil {
			return &exchange{static: key.ECDH(), ephemeral: e}, nil
		}
	}
	return nil, fmt.Errorf("draw ephemeral key: %w: random source gives no usable number", ErrConfig)
}

// point is R, without the leading 0x04.
func (x *exchange) point() []byte { return x.ephemeral.PublicKey().Bytes()[1:] }

// side is one party as the exchange sees it.
type side struct {
	static   *ecdh.PublicKey
	identity []byte
	point    []byte // R, 64 bytes
}

// agree computes K, SA and SB. client and server are the two parties, peer the
// one of them that is not us (steps A4–A9, B3–B9).
func (x *exchange) agree(client, server, peer side) error {
	remote, err := ecdh.P256().NewPublicKey(append([]byte{4}, peer.point...))
	if err != nil {
		return fmt.Errorf("%w: ephemeral point: %w", ErrMalformed, err)
	}
	za, err := client.static.SM2ZA(sm3.New(), client.identity)
	if err != nil {
		return fmt.Errorf("compute ZA: %w", err)
	}
	zb, err := server.static.SM2ZA(sm3.New(), server.identity)
	if err != nil {
		return fmt.Errorf("compute ZB: %w", err)
	}
	// SM2MQV refuses the point at infinity, the only way this can fail.
	shared, err := x.static.SM2MQV(x.ephemeral, peer.static, remote)
	if err != nil {
		return fmt.Errorf("%w: key agreement: %w", ErrMalformed, err)
	}
	v := shared.Bytes()
	defer clear(v)
	vx, vy := v[1:33], v[33:65]
	// KDF(xV || yV || ZA || ZB, 256) of §5.4.3 is one SM3 block: counter 1.
	x.key = gmcrypto.SM3(vx, vy, za, zb, []byte{0, 0, 0, 1})
	inner := gmcrypto.SM3(vx, za, zb, client.point, server.point)
	x.confirmB = gmcrypto.SM3([]byte{2}, vy, inner[:])
	x.confirmA = gmcrypto.SM3([]byte{3}, vy, inner[:])
	return nil
}

func matches(got []byte, want *[32]byte) bool {
	return subtle.ConstantTimeCompare(got, want[:]) == 1
}

// destroy overwrites what can be reached. The library's copies of the
// ephemeral scalar cannot; they are dropped for the garbage collector.
func (x *exchange) destroy() {
	clear(x.key[:])
	clear(x.confirmA[:])
	clear(x.confirmB[:])
	x.static, x.ephemeral = nil, nil
}
