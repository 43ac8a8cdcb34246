package register

import (
	"encoding/binary"

	"fengsui/cascade/wire"
	"fengsui/gmcrypto"
)

const proofLabel = "fengsui enrol v1"

// Verifier is what the inviting site stores of a token's secret: enough to check a proof, and
// never the secret.
func Verifier(secret []byte) [wire.DigestBytes]byte { return gmcrypto.SM3(secret) }

// proof is HMAC-SM3 under the verifier over the transcript: every field of the request, and the
// key the secure channel authenticated the enrolling side with. Each part is preceded by its
// length, so that no two requests have one transcript.
func proof(verifier []byte, r *wire.EnrolRequest, channelKey []byte) [wire.DigestBytes]byte {
	var b []byte
	add := func(p []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	add([]byte(proofLabel))
	b = binary.BigEndian.AppendUint32(b, uint32(r.GetPurpose()))
	add(r.GetInviteId())
	add(r.GetRequest())
	add([]byte(r.GetName()))
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.GetAddresses())))
	for _, a := range r.GetAddresses() {
		add([]byte(a))
	}
	add(channelKey)
	return gmcrypto.HMACSM3(verifier, b)
}
