package dnp3

import (
	"encoding/binary"
)

// Link layer (IEEE 1815 clause 9).
const (
	linkHead   = 10 // start, length, control, addresses, checksum
	linkFixed  = 5  // of the length field: control and addresses
	linkBlock  = 16 // bytes between checksums
	userMax    = 250
	start0     = 0x05
	start1     = 0x64
	fromMaster = 0x80 // DIR bit of the control octet
)

// checksum is the CRC of the link layer: polynomial 0x3d65, reflected, inverted.
func checksum(b []byte) uint16 {
	var crc uint16
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low != 0 {
				crc ^= 0xa6bc
			}
		}
	}
	return ^crc
}

// frameSize tells how long the frame at b is with its checksums: 0 when more bytes are needed, negative when none begins so.
func frameSize(b []byte) int {
	if len(b) > 0 && b[0] != start0 || len(b) > 1 && b[1] != start1 || len(b) > 2 && b[2] < linkFixed {
		return -1
	}
	if len(b) < linkHead {
		return 0
	}
	user := int(b[2]) - linkFixed
	return linkHead + user + 2*((user+linkBlock-1)/linkBlock)
}

// headRight tells whether the checksum of a frame's head is right.
func headRight(b []byte) bool {
	return len(b) >= linkHead && checksum(b[:linkHead-2]) == binary.LittleEndian.Uint16(b[linkHead-2:])
}

// user takes the checksums out of a whole frame's data; right is false when one is wrong.
func user(frame, to []byte) (data []byte, right bool) {
	right = headRight(frame)
	for b := frame[linkHead:]; len(b) > 2; {
		n := min(linkBlock, len(b)-2)
		right = right && checksum(b[:n]) == binary.LittleEndian.Uint16(b[n:])
		to = append(to, b[:n]...)
		b = b[n+2:]
	}
	return to, right
}
