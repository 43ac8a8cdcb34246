package event

// Fields of IKE messages (package capture/proto/ike). Algorithms are given by their IANA numbers.
const (
	IKEVersion     = "fengsui.ike.version" // 1, 2
	IKEInitSPI     = "fengsui.ike.init_spi"
	IKERespSPI     = "fengsui.ike.resp_spi"
	IKEExchange    = "fengsui.ike.exchange_type"
	IKEExchangeNum = "fengsui.ike.exchange_type_number"
	IKEMessageID   = "fengsui.ike.message_id"
	IKERole        = "fengsui.ike.role" // initiator, responder
	IKEEncrypted   = "fengsui.ike.encrypted"
	IKEPayloads    = "fengsui.ike.payload"
	IKEVendors     = "fengsui.ike.vendor_ids"
	IKEEncryption  = "fengsui.ike.alg_enc"
	IKEHash        = "fengsui.ike.alg_hash"
	IKEIntegrity   = "fengsui.ike.alg_auth"
	IKEPRF         = "fengsui.ike.alg_prf"
	IKEDH          = "fengsui.ike.alg_dh"
	IKEKeyLength   = "fengsui.ike.sa_key_length"
	IKELife        = "fengsui.ike.sa_life_duration"
	IKENotify      = "fengsui.ike.notify"
	IKEIdentity    = "fengsui.ike.identity"
	IKEProposals   = "fengsui.ike.proposals" // transforms offered, as type:number
)
