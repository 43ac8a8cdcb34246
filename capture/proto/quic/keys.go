package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

var be = binary.BigEndian // never written

// Versions with a name of their own.
const (
	version1 = 0x00000001
	version2 = 0x6b3343cf // RFC 9369
)

// saltOf returns the salt of Initial secrets of a version (RFC 9001 5.2, RFC 9369 3.3.1, drafts), "" for unknown ones.
func saltOf(version uint32) string {
	switch draft := version & 0xff; {
	case version == version1, version>>8 == 0xff0000 && (draft == 33 || draft == 34):
		return "\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
	case version == version2:
		return "\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9"
	case version>>8 != 0xff0000:
		return ""
	case draft >= 29 && draft <= 32:
		return "\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
	case draft >= 23 && draft <= 28:
		return "\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
	case draft == 21 || draft == 22:
		return "\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a\x90"
	case draft >= 17 && draft <= 20:
		return "\xef\x4f\xb0\xab\xb4\x74\x70\xc4\x1b\xef\xcf\x80\x31\x33\x4f\xae\x48\x5e\x09\xa0"
	}
	return ""
}

// sideKeys protect one side's Initial packets.
type sideKeys struct {
	seal   cipher.AEAD
	iv     [12]byte
	header cipher.Block
}

// keys are those of a connection's Initial packets, by direction.
type keys struct {
	version uint32
	side    [2]sideKeys
}

// initialKeys derives the keys from the destination connection ID of the client's first packet.
func initialKeys(version uint32, id []byte) (*keys, bool) {
	salt := saltOf(version)
	if salt == "" {
		return nil, false
	}
	secret, err := hkdf.Extract(sha256.New, id, []byte(salt))
	if err != nil {
		return nil, false
	}
	k := &keys{version: version}
	for dir, label := range [2]string{"client in", "server in"} {
		s, ok := expand(secret, label, 32)
		if !ok {
			return nil, false
		}
		prefix := "quic "
		if version == version2 {
			prefix = "quicv2 "
		}
		key, ok1 := expand(s, prefix+"key", 16)
		iv, ok2 := expand(s, prefix+"iv", 12)
		hp, ok3 := expand(s, prefix+"hp", 16)
		if !ok1 || !ok2 || !ok3 || !k.side[dir].set(key, iv, hp) {
			return nil, false
		}
	}
	return k, true
}

func (s *sideKeys) set(key, iv, hp []byte) bool {
	block, err := aes.NewCipher(key)
	if err != nil {
		return false
	}
	if s.seal, err = cipher.NewGCM(block); err != nil {
		return false
	}
	copy(s.iv[:], iv)
	s.header, err = aes.NewCipher(hp)
	return err == nil
}

// expand is HKDF-Expand-Label with an empty context (RFC 8446 7.1).
func expand(secret []byte, label string, n int) ([]byte, bool) {
	full := "tls13 " + label
	info := make([]byte, 0, 4+len(full))
	info = append(info, byte(n>>8), byte(n), byte(len(full)))
	info = append(info, full...)
	info = append(info, 0)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	return out, err == nil
}

// open removes header protection and decrypts a packet; at is where its number stands, end where it ends (RFC 9001 5.3,
// 5.4). The packet is not changed.
func (s *sideKeys) open(packet []byte, at, end int) ([]byte, bool) {
	const sampleAt, sampleBytes = 4, 16
	if at+sampleAt+sampleBytes > end || end > len(packet) {
		return nil, false
	}
	var mask [aes.BlockSize]byte
	s.header.Encrypt(mask[:], packet[at+sampleAt:at+sampleAt+sampleBytes])
	first := packet[0] ^ mask[0]&0x0f
	n := int(first&3) + 1
	header := append(make([]byte, 0, at+n), packet[:at+n]...)
	header[0] = first
	nonce := s.iv
	for i := range n {
		header[at+i] ^= mask[1+i]
		nonce[12-n+i] ^= header[at+i]
	}
	plain, err := s.seal.Open(nil, nonce[:], packet[at+n:end], header)
	return plain, err == nil
}
