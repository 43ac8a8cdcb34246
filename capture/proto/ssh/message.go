package ssh

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
)

// Identification is the line a side introduces itself with.
type Identification struct {
	Seen     bool
	Line     []byte // "SSH-2.0-OpenSSH_9.6 Ubuntu-3", without the line end
	Proto    []byte // "2.0"
	Software []byte // "OpenSSH_9.6": up to the first space
	Comments []byte // "Ubuntu-3"
}

// parse reads the line. It reports whether it has the form of RFC 4253 4.2.
func (i *Identification) parse(b []byte) bool {
	i.Seen = true
	i.Line = bytes.Clone(bytes.TrimRight(b, "\r\n"))
	rest, ok := bytes.CutPrefix(i.Line, []byte("SSH-"))
	if !ok {
		return false
	}
	version, software, ok := bytes.Cut(rest, []byte{'-'})
	i.Proto = version
	if !ok || len(version) == 0 {
		return false
	}
	i.Software, i.Comments, _ = bytes.Cut(software, []byte{' '})
	if n := bytes.IndexByte(i.Software, '\r'); n >= 0 {
		i.Software = i.Software[:n]
	}
	return len(i.Software) > 0
}

// old tells whether the side speaks SSH 1 only.
func (i *Identification) old() bool {
	return bytes.HasPrefix(i.Proto, []byte("1.")) && string(i.Proto) != "1.99"
}

// Offer is the content of SSH_MSG_KEXINIT (RFC 4253 7.1): comma-separated lists in order of preference.
type Offer struct {
	Seen            bool
	Kex             []byte
	HostKey         []byte
	Encryption      [2][]byte // by flow.Direction: client to server, server to client
	MAC             [2][]byte
	Compression     [2][]byte
	Languages       [2][]byte
	FirstKexFollows bool
	// HASSHString is "kex;encryption;mac;compression" of the sender's direction; HASSH its MD5 in hexadecimal.
	HASSHString []byte
	HASSH       []byte
}

// parse reads the payload behind the message number. It reports whether all lists were there.
func (o *Offer) parse(b []byte, own int) bool {
	if len(b) < cookieBytes {
		return false
	}
	b = b[cookieBytes:]
	lists := [...]*[]byte{
		&o.Kex, &o.HostKey, &o.Encryption[0], &o.Encryption[1], &o.MAC[0], &o.MAC[1],
		&o.Compression[0], &o.Compression[1], &o.Languages[0], &o.Languages[1],
	}
	for _, l := range lists {
		if len(b) < 4 {
			return false
		}
		n := binary.BigEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return false
		}
		*l = bytes.Clone(b[4 : 4+n])
		b = b[4+n:]
	}
	o.FirstKexFollows = len(b) > 0 && b[0] != 0
	o.Seen = true
	o.HASSHString = bytes.Join([][]byte{o.Kex, o.Encryption[own], o.MAC[own], o.Compression[own]}, []byte{';'})
	sum := md5.Sum(o.HASSHString)
	o.HASSH = hex.AppendEncode(nil, sum[:])
	return true
}
