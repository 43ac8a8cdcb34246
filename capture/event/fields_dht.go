package event

// Fields of messages of BitTorrent's distributed hash table (package capture/proto/dht).
const (
	DHTTransaction = "fengsui.bittorrent_dht.transaction_id" // hexadecimal
	DHTType        = "fengsui.bittorrent_dht.type"           // query, response, error
	DHTRequest     = "fengsui.bittorrent_dht.request_type"   // ping, find_node, get_peers, announce_peer, …
	DHTID          = "fengsui.bittorrent_dht.id"             // of the sending node
	DHTTarget      = "fengsui.bittorrent_dht.target"
	DHTInfoHash    = "fengsui.bittorrent_dht.info_hash"
	DHTPort        = "fengsui.bittorrent_dht.port" // where the announcing peer listens
	DHTPeers       = "fengsui.bittorrent_dht.peers"
	DHTNodes       = "fengsui.bittorrent_dht.nodes"
	DHTClient      = "fengsui.bittorrent_dht.client_version"
	DHTErrorCode   = "fengsui.bittorrent_dht.error_code"
	DHTError       = "fengsui.bittorrent_dht.error"
)
