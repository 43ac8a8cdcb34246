package channel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	tjsm2 "github.com/tjfoc/gmsm/sm2"
	tjsm3 "github.com/tjfoc/gmsm/sm3"
	tjsm4 "github.com/tjfoc/gmsm/sm4"
)

// This file is the protocol once more, written from DESIGN.md and the
// standards, as slowly and plainly as possible: affine arithmetic with
// math/big, GHASH bit by bit, SM3 and the SM4 block from tjfoc/gmsm. It shares
// no code with the package; where the two disagree, one of them is wrong.

// --- GB/T 32918: the curve -------------------------------------------------

type refPoint struct{ x, y *big.Int } // nil: infinity

func refMod() *big.Int   { return tjsm2.P256Sm2().Params().P }
func refOrder() *big.Int { return tjsm2.P256Sm2().Params().N }

func refBase() refPoint {
	p := tjsm2.P256Sm2().Params()
	return refPoint{p.Gx, p.Gy}
}

func refAdd(a, b refPoint) refPoint {
	p := refMod()
	if a.x == nil {
		return b
	}
	if b.x == nil {
		return a
	}
	var slope *big.Int
	if a.x.Cmp(b.x) == 0 {
		if a.y.Cmp(b.y) != 0 {
			return refPoint{}
		}
		// (3x² + a) / 2y with a = p - 3
		slope = new(big.Int).Mul(a.x, a.x)
		slope.Sub(slope, big.NewInt(1)).Mul(slope, big.NewInt(3))
		slope.Mul(slope, new(big.Int).ModInverse(new(big.Int).Lsh(a.y, 1), p))
	} else {
		slope = new(big.Int).Sub(b.y, a.y)
		d := new(big.Int).Sub(b.x, a.x)
		slope.Mul(slope, d.ModInverse(d.Mod(d, p), p))
	}
	slope.Mod(slope, p)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, a.x).Sub(x, b.x).Mod(x, p)
	y := new(big.Int).Sub(a.x, x)
	y.Mul(y, slope).Sub(y, a.y).Mod(y, p)
	return refPoint{x, y}
}

func refMul(k *big.Int, p refPoint) refPoint {
	var sum refPoint
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = refAdd(sum, sum)
		if k.Bit(i) == 1 {
			sum = refAdd(sum, p)
		}
	}
	return sum
}

func (p refPoint) bytes() []byte {
	b := make([]byte, 64)
	p.x.FillBytes(b[:32])
	p.y.FillBytes(b[32:])
	return b
}

func refParse(b []byte) (refPoint, error) {
	p := refPoint{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:64])}
	// y² = x³ + ax + b with a = p - 3
	right := new(big.Int).Mul(p.x, p.x)
	right.Sub(right, big.NewInt(3)).Mul(right, p.x).Add(right, tjsm2.P256Sm2().Params().B)
	right.Sub(right, new(big.Int).Mul(p.y, p.y)).Mod(right, refMod())
	if right.Sign() != 0 || p.x.Cmp(refMod()) >= 0 || p.y.Cmp(refMod()) >= 0 {
		return refPoint{}, errors.New("not on the curve")
	}
	return p, nil
}

// --- SM3, HMAC, HKDF ---------------------------------------------------------

func refHash(parts ...[]byte) []byte { return tjsm3.Sm3Sum(bytes.Join(parts, nil)) }

func refHMAC(key, msg []byte) []byte {
	k := make([]byte, 64)
	copy(k, key)
	inner, outer := bytes.Clone(k), bytes.Clone(k)
	for i := range k {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return refHash(outer, refHash(inner, msg))
}

func refHKDF(secret, salt []byte, info string, n int) []byte {
	prk := refHMAC(salt, secret)
	var out, block []byte
	for i := byte(1); len(out) < n; i++ {
		block = refHMAC(prk, bytes.Join([][]byte{block, []byte(info), {i}}, nil))
		out = append(out, block...)
	}
	return out[:n]
}

// --- SM2 key exchange, GB/T 32918.3 §6.1 -----------------------------------

// refZ is H256(ENTL || ID || a || b || G || P), §5.5.
func refZ(id, public []byte) []byte {
	p := tjsm2.P256Sm2().Params()
	a := new(big.Int).Sub(p.P, big.NewInt(3))
	bits := binary.BigEndian.AppendUint16(nil, uint16(len(id)*8))
	return refHash(bits, id, a.FillBytes(make([]byte, 32)), p.B.FillBytes(make([]byte, 32)),
		refBase().bytes(), public)
}

// refXBar is 2^w + (x & (2^w - 1)) with w = 127.
func refXBar(x *big.Int) *big.Int {
	w := new(big.Int).Lsh(big.NewInt(1), 127)
	mask := new(big.Int).Sub(w, big.NewInt(1))
	return mask.And(mask, x).Add(mask, w)
}

type refParty struct {
	static, ephemeral *big.Int
	chain             [][]byte // DER, leaf first
	binding           []byte
	public            func(leaf []byte) []byte // 64-byte public key in a certificate
	reckless          bool                     // goes on although SB does not match
}

func (p *refParty) point() []byte { return refMul(p.ephemeral, refBase()).bytes() }

type refKeys struct{ k, sa, sb []byte }

func (p *refParty) agree(peerStatic, peerEphemeral, za, zb, ra, rb []byte) (refKeys, error) {
	remote, err := refParse(peerEphemeral)
	if err != nil {
		return refKeys{}, err
	}
	static, err := refParse(peerStatic)
	if err != nil {
		return refKeys{}, err
	}
	t := refXBar(refMul(p.ephemeral, refBase()).x)
	t.Mul(t, p.ephemeral).Add(t, p.static).Mod(t, refOrder())
	v := refMul(t, refAdd(static, refMul(refXBar(remote.x), remote)))
	if v.x == nil {
		return refKeys{}, errors.New("infinity")
	}
	vb := v.bytes()
	inner := refHash(vb[:32], za, zb, ra, rb)
	return refKeys{
		k:  refHash(vb, za, zb, []byte{0, 0, 0, 1}),
		sb: refHash([]byte{2}, vb[32:], inner),
		sa: refHash([]byte{3}, vb[32:], inner),
	}, nil
}

// --- messages ----------------------------------------------------------------

func refFrame(kind byte, body []byte) []byte {
	m := append([]byte("FSCH"), 1, kind)
	m = binary.BigEndian.AppendUint16(m, uint16(len(body)))
	return append(m, body...)
}

func refReadFrame(r io.Reader, kind byte) ([]byte, error) {
	h := make([]byte, 8)
	if _, err := io.ReadFull(r, h); err != nil {
		return nil, err
	}
	if !bytes.Equal(h[:5], []byte("FSCH\x01")) || h[5] != kind {
		return nil, fmt.Errorf("unexpected frame %x", h)
	}
	m := make([]byte, 8+int(binary.BigEndian.Uint16(h[6:])))
	copy(m, h)
	_, err := io.ReadFull(r, m[8:])
	return m, err
}

func (p *refParty) certificates() []byte {
	b := []byte{byte(len(p.chain))}
	for _, der := range p.chain {
		b = binary.BigEndian.AppendUint16(b, uint16(len(der)))
		b = append(b, der...)
	}
	return b
}

func refLeaf(chain []byte) []byte { return chain[3 : 3+int(binary.BigEndian.Uint16(chain[1:]))] }

// refSession is what both sides should arrive at.
type refSession struct{ k, master, exporter, transcript []byte }

func refSecrets(k, prologue, transcript []byte) *refSession {
	return &refSession{
		k:          k,
		master:     refHKDF(k, prologue, "fengsui channel v1 master"+string(transcript), 32),
		exporter:   refHKDF(k, prologue, "fengsui channel v1 exporter"+string(transcript), 32),
		transcript: transcript,
	}
}

func refPrologue(binding []byte) []byte {
	sizes := []byte{0, 1, byte(len(binding) >> 8), byte(len(binding))}
	return refHash([]byte("fengsui channel v1 prologue"), sizes, binding)
}

func (p *refParty) publicKey() []byte { return refMul(p.static, refBase()).bytes() }

func (p *refParty) client(c io.ReadWriter) (*refSession, error) {
	h0 := refPrologue(p.binding)
	m1 := refFrame(1, bytes.Join([][]byte{{0, 1, 0, 0}, p.point(), p.certificates()}, nil))
	if _, err := c.Write(m1); err != nil {
		return nil, err
	}
	h1 := refHash(h0, m1)
	m2, err := refReadFrame(c, 2)
	if err != nil {
		return nil, err
	}
	cut := len(m2) - 32
	rb, h2 := m2[8:72], refHash(h1, m2[:cut])
	za := refZ(append([]byte("fengsui channel v1 client"), h1...), p.publicKey())
	peer := p.public(refLeaf(m2[72:cut]))
	zb := refZ(append([]byte("fengsui channel v1 server"), h2...), peer)
	keys, err := p.agree(peer, rb, za, zb, p.point(), rb)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(keys.sb, m2[cut:]) && !p.reckless {
		return nil, errors.New("SB does not match")
	}
	m3 := refFrame(3, keys.sa)
	if _, err := c.Write(m3); err != nil {
		return nil, err
	}
	return refSecrets(keys.k, h0, refHash(refHash(h2, m2[cut:]), m3)), nil
}

func (p *refParty) server(c io.ReadWriter) (*refSession, error) {
	h0 := refPrologue(p.binding)
	m1, err := refReadFrame(c, 1)
	if err != nil {
		return nil, err
	}
	h1 := refHash(h0, m1)
	ra, peer := m1[12:76], p.public(refLeaf(m1[76:]))
	body := bytes.Join([][]byte{p.point(), p.certificates(), make([]byte, 32)}, nil)
	m2 := refFrame(2, body)
	cut := len(m2) - 32
	h2 := refHash(h1, m2[:cut])
	za := refZ(append([]byte("fengsui channel v1 client"), h1...), peer)
	zb := refZ(append([]byte("fengsui channel v1 server"), h2...), p.publicKey())
	keys, err := p.agree(peer, ra, za, zb, ra, p.point())
	if err != nil {
		return nil, err
	}
	copy(m2[cut:], keys.sb)
	if _, err := c.Write(m2); err != nil {
		return nil, err
	}
	m3, err := refReadFrame(c, 3)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(keys.sa, m3[8:]) {
		return nil, errors.New("SA does not match")
	}
	return refSecrets(keys.k, h0, refHash(refHash(h2, m2[cut:]), m3)), nil
}

// --- SM4-GCM, GB/T 36624 ------------------------------------------------------

func refGCMMul(x, y []byte) []byte {
	z, v := make([]byte, 16), bytes.Clone(y)
	for i := range 128 {
		if x[i/8]>>(7-i%8)&1 == 1 {
			for j := range z {
				z[j] ^= v[j]
			}
		}
		carry := v[15] & 1
		for j := 15; j > 0; j-- {
			v[j] = v[j]>>1 | v[j-1]<<7
		}
		v[0] >>= 1
		if carry == 1 {
			v[0] ^= 0xe1
		}
	}
	return z
}

func refPad(b []byte) []byte { return append(bytes.Clone(b), make([]byte, (16-len(b)%16)%16)...) }

// refCrypt encrypts or decrypts text; the tag is over the ciphertext.
func refCrypt(key, nonce, text, aad []byte, encrypt bool) (out, tag []byte) {
	block, err := tjsm4.NewCipher(key)
	if err != nil {
		panic(err)
	}
	one := func(b []byte) []byte {
		o := make([]byte, 16)
		block.Encrypt(o, b)
		return o
	}
	counter := append(bytes.Clone(nonce), 0, 0, 0, 1)
	mask := one(counter)
	out = make([]byte, len(text))
	for i := 0; i < len(text); i += 16 {
		binary.BigEndian.PutUint32(counter[12:], uint32(i/16+2))
		stream := one(counter)
		for j := i; j < min(i+16, len(text)); j++ {
			out[j] = text[j] ^ stream[j-i]
		}
	}
	ct := out
	if !encrypt {
		ct = text
	}
	h := one(make([]byte, 16))
	lengths := binary.BigEndian.AppendUint64(nil, uint64(len(aad)*8))
	lengths = binary.BigEndian.AppendUint64(lengths, uint64(len(ct)*8))
	y := make([]byte, 16)
	data := bytes.Join([][]byte{refPad(aad), refPad(ct), lengths}, nil)
	for i := 0; i < len(data); i += 16 {
		for j := range y {
			y[j] ^= data[i+j]
		}
		y = refGCMMul(y, h)
	}
	for j := range y {
		y[j] ^= mask[j]
	}
	return out, y
}

// --- records and datagrams ----------------------------------------------------

type refDirection struct {
	secret            []byte
	counter, bytes    uint64
	records, bytesMax uint64
}

func (s *refSession) stream(id uint64) (fromClient, fromServer *refDirection) {
	info := binary.BigEndian.AppendUint64([]byte("fengsui channel v1 stream"), id)
	b := refHKDF(s.master, nil, string(info), 64)
	return &refDirection{secret: b[:32], records: 1 << 24, bytesMax: 1 << 30},
		&refDirection{secret: b[32:], records: 1 << 24, bytesMax: 1 << 30}
}

func refNonce(iv []byte, counter uint64) []byte {
	n := bytes.Clone(iv)
	for i := range 8 {
		n[11-i] ^= byte(counter >> (8 * i))
	}
	return n
}

func (d *refDirection) step(n int) (key, nonce []byte) {
	m := refHKDF(d.secret, nil, "fengsui channel v1 record key", 28)
	key, nonce = m[:16], refNonce(m[16:], d.counter)
	d.counter++
	d.bytes += uint64(n)
	if d.counter >= d.records || d.bytes >= d.bytesMax {
		d.secret = refHKDF(d.secret, nil, "fengsui channel v1 next", 32)
		d.counter, d.bytes = 0, 0
	}
	return key, nonce
}

func (d *refDirection) seal(kind byte, p []byte) []byte {
	key, nonce := d.step(len(p))
	n := len(p) + 16
	header := []byte{kind, byte(n >> 16), byte(n >> 8), byte(n)}
	ct, tag := refCrypt(key, nonce, p, header, true)
	return bytes.Join([][]byte{header, ct, tag}, nil)
}

func (d *refDirection) open(r io.Reader) (kind byte, p []byte, err error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(r, header); err != nil {
		return 0, nil, err
	}
	body := make([]byte, int(header[1])<<16|int(header[2])<<8|int(header[3]))
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, nil, err
	}
	ct, want := body[:len(body)-16], body[len(body)-16:]
	key, nonce := d.step(len(ct))
	p, tag := refCrypt(key, nonce, ct, header, false)
	if !bytes.Equal(tag, want) {
		return 0, nil, errors.New("tag does not match")
	}
	return header[0], p, nil
}

// refDatagram seals as the client does or as the server does.
func (s *refSession) datagram(fromClient bool, counter uint64, p []byte) []byte {
	secrets := refHKDF(s.master, nil, "fengsui channel v1 datagram", 64)
	secret := secrets[32:]
	if fromClient {
		secret = secrets[:32]
	}
	info := binary.BigEndian.AppendUint64([]byte("fengsui channel v1 epoch"), counter>>24)
	m := refHKDF(secret, nil, string(info), 28)
	head := binary.BigEndian.AppendUint64(nil, counter)
	ct, tag := refCrypt(m[:16], refNonce(m[16:], counter), p, head, true)
	return bytes.Join([][]byte{head, ct, tag}, nil)
}

func (s *refSession) export(label string, n int) []byte {
	return refHKDF(s.exporter, nil, "fengsui channel v1 export "+label, n)
}
