package register

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
	"fengsui/gmcrypto/identity"
)

// The written form of a token is "fs1." and base64url without padding of blocks of 24 bytes, 32
// characters each: 22 bytes of content and a 16-bit check over the block's number and content.
// So a typing error is found and said to lie within 32 characters. The content is
//
//	length(2) crc32 of the token(4) token (protobuf) zeros up to the block's end
const (
	tokenPrefix     = "fs1."
	tokenBlock      = 24
	tokenContent    = tokenBlock - 2
	tokenBlockChars = tokenBlock / 3 * 4
	tokenHead       = 6
	tokenCharsMax   = 8 << 10
)

// TokenError says where a token is wrong, in characters counted from 1.
type TokenError struct {
	From, To int // 0: no particular place
	Reason   string
}

// Error implements error.
func (e *TokenError) Error() string {
	switch {
	case e.From == 0:
		return "invite token: " + e.Reason
	case e.From == e.To:
		return fmt.Sprintf("invite token: character %d: %s", e.From, e.Reason)
	}
	return fmt.Sprintf("invite token: characters %d to %d: %s", e.From, e.To, e.Reason)
}

func blockCheck(index int, content []byte) uint16 {
	sum := crc32.ChecksumIEEE(binary.BigEndian.AppendUint32(nil, uint32(index)))
	return uint16(crc32.Update(sum, crc32.IEEETable, content))
}

// FormatToken writes a token down.
func FormatToken(t *wire.Token) (string, error) {
	if err := t.Check(); err != nil {
		return "", fmt.Errorf("invite token: %w", err)
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("invite token: %w", err)
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(len(body)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
	b = append(b, body...)
	for len(b)%tokenContent != 0 {
		b = append(b, 0)
	}
	var out []byte
	for i := 0; i*tokenContent < len(b); i++ {
		content := b[i*tokenContent : (i+1)*tokenContent]
		out = append(out, content...)
		out = binary.BigEndian.AppendUint16(out, blockCheck(i, content))
	}
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(out), nil
}

// ParseToken reads a written token; white space around it is taken off. What is wrong with it
// comes as a *TokenError. Whether it has expired is the inviting site's to say.
func ParseToken(s string) (*wire.Token, error) {
	s = strings.TrimSpace(s)
	if len(s) > tokenCharsMax {
		return nil, &TokenError{Reason: fmt.Sprintf("%d characters, at most %d", len(s), tokenCharsMax)}
	}
	if !strings.HasPrefix(s, tokenPrefix) {
		return nil, &TokenError{Reason: fmt.Sprintf("does not begin with %q: copy the whole line that the inviting site printed", tokenPrefix)}
	}
	text := s[len(tokenPrefix):]
	for i := range len(text) {
		c := text[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			at := len(tokenPrefix) + i + 1
			return nil, &TokenError{From: at, To: at, Reason: fmt.Sprintf("%q is not part of a token", rune(c))}
		}
	}
	var content []byte
	for i := 0; i*tokenBlockChars < len(text); i++ {
		from, to := i*tokenBlockChars, min((i+1)*tokenBlockChars, len(text))
		block, err := base64.RawURLEncoding.Strict().DecodeString(text[from:to])
		if err != nil || len(block) != tokenBlock || blockCheck(i, block[:tokenContent]) != binary.BigEndian.Uint16(block[tokenContent:]) {
			reason := "a character here is wrong, missing or too many"
			if to-from < tokenBlockChars {
				reason = "the token is cut off, or characters are missing"
			}
			return nil, &TokenError{From: len(tokenPrefix) + from + 1, To: len(tokenPrefix) + to, Reason: reason}
		}
		content = append(content, block[:tokenContent]...)
	}
	return parseTokenContent(content)
}

func parseTokenContent(b []byte) (*wire.Token, error) {
	cutOff := &TokenError{Reason: "is cut off: copy the whole line that the inviting site printed"}
	if len(b) < tokenHead {
		return nil, cutOff
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < tokenHead+n {
		return nil, cutOff
	}
	body, rest := b[tokenHead:tokenHead+n], b[tokenHead+n:]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(b[2:]) || len(rest) >= tokenContent || strings.Trim(string(rest), "\x00") != "" {
		return nil, &TokenError{Reason: "its parts do not fit together"}
	}
	var t wire.Token
	if err := proto.Unmarshal(body, &t); err != nil {
		return nil, &TokenError{Reason: "does not decode"}
	}
	if len(t.ProtoReflect().GetUnknown()) > 0 {
		return nil, &TokenError{Reason: "was made by a newer version: upgrade this side first"}
	}
	if err := t.Check(); err != nil {
		return nil, &TokenError{Reason: err.Error()}
	}
	return &t, nil
}

// VerifyParent returns what an enrolling guest verifies the inviting site's nodes with: the
// chain must end in the root the token names, and belong to a node of the token's parent.
func VerifyParent(t *wire.Token, now func() time.Time) func([]*identity.Certificate) (identity.Peer, error) {
	return func(chain []*identity.Certificate) (identity.Peer, error) {
		trust := identity.NewPinned(gmcrypto.Fingerprint(t.GetRootFingerprint()))
		peer, err := trust.Verify(chain, now())
		if err != nil {
			return identity.Peer{}, fmt.Errorf("verifying the inviting site: %w", err)
		}
		if peer.Site != identity.Site(t.GetParent()) || peer.Role != identity.RoleNode {
			return identity.Peer{}, wire.Refuse(wire.CodeForbidden, "%s answered, the token is of %s", peer, t.GetParent())
		}
		return peer, nil
	}
}
