package channel

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"sync"
)

// A datagram is
//
//	0  8  counter, from 1, big endian
//	8  …  SM4-GCM ciphertext and 16-byte tag; the counter is its additional
//	      data and, xor IV, its nonce
const (
	counterSize = 8
	// Overhead is by how many bytes a sealed datagram is longer than its plaintext.
	Overhead = counterSize + tagSize
	// replayWindow is how far behind the highest counter a datagram may arrive.
	replayWindow = 2048
	// epochBits: a datagram key serves 2^24 datagrams. At 1,200 bytes that is
	// 2^30.3 blocks: below 2^-68.
	epochBits = 24
)

// Datagrams seals and opens packets that may be lost, doubled and reordered.
// Safe for concurrent use.
type Datagrams struct {
	send struct {
		mu sync.Mutex
		datagramKeys
		counter uint64
	}
	recv struct {
		mu sync.Mutex
		datagramKeys
		highest uint64
		seen    [replayWindow / 64]uint64
	}
}

// datagramKeys are the keys of one direction: one for each epoch, derived from
// the direction's secret when it is first needed.
type datagramKeys struct {
	secret    [32]byte
	epochBits uint
	slots     [4]struct {
		aead  cipher.AEAD
		iv    [nonceSize]byte
		epoch uint64
	}
	nonce [nonceSize]byte // scratch
}

func newDatagrams(send, recv [32]byte) *Datagrams {
	d := new(Datagrams)
	d.send.secret, d.send.epochBits = send, epochBits
	d.recv.secret, d.recv.epochBits = recv, epochBits
	return d
}

// at returns the key and nonce for a counter; the nonce is good until the next call.
func (k *datagramKeys) at(counter uint64) (cipher.AEAD, []byte) {
	epoch := counter >> k.epochBits
	slot := &k.slots[epoch%uint64(len(k.slots))]
	if slot.aead == nil || slot.epoch != epoch {
		info := binary.BigEndian.AppendUint64([]byte(labelEpoch), epoch)
		slot.aead, slot.iv = recordKey(k.secret[:], string(info))
		slot.epoch = epoch
	}
	k.nonce = slot.iv
	low := k.nonce[4:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^counter)
	return slot.aead, k.nonce[:]
}

// Seal appends the sealed form of p to dst and returns it. dst must not overlap p.
func (d *Datagrams) Seal(dst, p []byte) []byte {
	s := &d.send
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter++
	aead, nonce := s.at(s.counter)
	start := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, s.counter)
	return aead.Seal(dst, nonce, p, dst[start:])
}

// Open checks and decrypts a datagram and appends its plaintext to dst. It
// accepts each datagram once: a repeated one, or one more than 2047 behind the
// newest, is ErrReplay; a forged one is ErrRecord. dst must not overlap p.
func (d *Datagrams) Open(dst, p []byte) ([]byte, error) {
	if len(p) < Overhead {
		return nil, fmt.Errorf("%w: %d bytes", ErrRecord, len(p))
	}
	counter := binary.BigEndian.Uint64(p)
	r := &d.recv
	r.mu.Lock()
	defer r.mu.Unlock()
	word, bit := &r.seen[counter/64%uint64(len(r.seen))], uint64(1)<<(counter%64)
	old := counter <= r.highest
	if counter == 0 || old && (r.highest-counter >= replayWindow || *word&bit != 0) {
		return nil, ErrReplay
	}
	if counter>>r.epochBits > r.highest>>r.epochBits+1 {
		// 2^24 datagrams in a row are never lost: do not derive keys for forgers.
		return nil, fmt.Errorf("%w: counter is impossibly far ahead", ErrRecord)
	}
	aead, nonce := r.at(counter)
	out, err := aead.Open(dst, nonce, p[counterSize:], p[:counterSize])
	if err != nil {
		return nil, ErrRecord
	}
	if !old {
		d.advanceLocked(counter)
	}
	*word |= bit
	return out, nil
}

// advanceLocked moves the window up to counter; the counters skipped are unseen.
func (d *Datagrams) advanceLocked(counter uint64) {
	r := &d.recv
	if counter-r.highest >= replayWindow {
		clear(r.seen[:])
	} else {
		for i := r.highest + 1; i <= counter; i++ {
			r.seen[i/64%uint64(len(r.seen))] &^= 1 << (i % 64)
		}
	}
	r.highest = counter
}
