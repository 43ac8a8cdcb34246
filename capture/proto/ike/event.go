package ike

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"fengsui/capture/event"
	"fengsui/capture/flow"
)

// exchangeNames maps exchange types (RFC 2408 3.1, 2409, 7296 3.1 and IANA) to names. Never written.
var exchangeNames = map[uint8]string{
	1: "base", 2: "identity_protection", 3: "authentication_only", 4: "aggressive", 5: "informational", 32: "quick_mode", 33: "new_group",
	34: "ike_sa_init", 35: "ike_auth", 36: "create_child_sa", 37: "informational", 38: "ike_session_resume", 43: "ike_intermediate",
}

// payloadNames maps payload types of both versions to names. Never written.
var payloadNames = map[uint8]string{
	1: "SecurityAssociation", 2: "Proposal", 3: "Transform", 4: "KeyExchange", 5: "Identification", 6: "Certificate", 7: "CertificateRequest", 8: "Hash",
	9: "Signature", 10: "Nonce", 11: "Notification", 12: "Delete", 13: "VendorID", 20: "NatDiscovery", 21: "NatOriginalAddress",
	33: "SecurityAssociation", 34: "KeyExchange", 35: "IdentificationInitiator", 36: "IdentificationResponder", 37: "Certificate", 38: "CertificateRequest",
	39: "Authentication", 40: "Nonce", 41: "Notification", 42: "Delete", 43: "VendorID", 44: "TrafficSelectorInitiator", 45: "TrafficSelectorResponder",
	46: "EncryptedAndAuthenticated", 47: "Configuration", 48: "ExtensibleAuthentication", 53: "EncryptedFragment",
}

func hexSPI(n uint64) string { return fmt.Sprintf("%016x", n) }

// InitiatorSPI returns the initiator's index as 16 hexadecimal digits.
func (t *Transaction) InitiatorSPI() string { return hexSPI(t.InitSPI) }

// ResponderSPI returns the responder's index as 16 hexadecimal digits.
func (t *Transaction) ResponderSPI() string { return hexSPI(t.RespSPI) }

// Event implements proto.Transaction.
func (t *Transaction) Event(e *event.Event) {
	e.Str(event.EventCategory, "network")
	if t.Major == 0 {
		return
	}
	e.Uint(event.IKEVersion, uint64(t.Major))
	e.Str(event.IKEInitSPI, t.InitiatorSPI())
	e.Str(event.IKERespSPI, t.ResponderSPI())
	if name := exchangeNames[t.Exchange]; name != "" && !(t.Major == 2 && t.Exchange < 34) {
		e.Str(event.IKEExchange, name)
	}
	e.Uint(event.IKEExchangeNum, uint64(t.Exchange))
	e.Uint(event.IKEMessageID, uint64(t.MessageID))
	if t.Only == flow.ToServer {
		e.Str(event.IKERole, "initiator")
	} else {
		e.Str(event.IKERole, "responder")
	}
	e.Bool(event.IKEEncrypted, t.Encrypted)
	names := make([]string, len(t.Payloads))
	for i, p := range t.Payloads {
		if names[i] = payloadNames[p]; names[i] == "" {
			names[i] = strconv.Itoa(int(p))
		}
	}
	e.Strs(event.IKEPayloads, names)
	vendors := make([]string, len(t.Vendors))
	for i, v := range t.Vendors {
		vendors[i] = hex.EncodeToString(v)
	}
	e.Strs(event.IKEVendors, vendors)
	e.Bytes(event.IKEIdentity, t.Identity)
	notify := make([]int64, len(t.Notify))
	for i, n := range t.Notify {
		notify[i] = int64(n)
	}
	e.Ints(event.IKENotify, notify)
	t.eventSA(e)
}

func (t *Transaction) eventSA(e *event.Event) {
	for _, a := range t.Chosen() {
		switch a.Name {
		case "alg_enc":
			e.Uint(event.IKEEncryption, uint64(a.Value))
		case "alg_hash":
			e.Uint(event.IKEHash, uint64(a.Value))
		case "alg_auth":
			e.Uint(event.IKEIntegrity, uint64(a.Value))
		case "alg_prf":
			e.Uint(event.IKEPRF, uint64(a.Value))
		case "alg_dh":
			e.Uint(event.IKEDH, uint64(a.Value))
		case "sa_key_length":
			e.Uint(event.IKEKeyLength, uint64(a.Value))
		case "sa_life_duration":
			e.Uint(event.IKELife, uint64(a.Value))
		}
	}
	if t.Only == flow.ToClient {
		return
	}
	var offered []string
	for _, p := range t.Proposals {
		for _, list := range p.Transforms {
			for _, a := range list {
				if s := a.Name + ":" + strconv.FormatUint(uint64(a.Value), 10); len(offered) < transformsMax {
					offered = append(offered, s)
				}
			}
		}
	}
	e.Strs(event.IKEProposals, offered)
}
