package event

// Fields of the network's zones and of the tunnel a flow was inside.
const (
	ObserverIngressZone = "observer.ingress.zone"  // of the source
	ObserverEgressZone  = "observer.egress.zone"   // of the destination
	NetworkDirection    = "network.direction"      // inbound, outbound, internal, external
	ZoneClass           = "fengsui.zone.class"     // boundary, management, in-vpc, inter-vpc
	ZoneDirection       = "fengsui.zone.direction" // north-south, east-west
	NetworkVNI          = "fengsui.network.vni"    // VXLAN or GENEVE network identifier
)
