package event

// Fields of EtherNet/IP exchanges (package capture/proto/enip).
const (
	ENIPCommand     = "fengsui.enip.command"
	ENIPSession     = "fengsui.enip.session"
	ENIPStatus      = "fengsui.enip.status" // of the answer
	ENIPVersion     = "fengsui.enip.protocol_version"
	ENIPServices    = "fengsui.enip.cip.service" // numbers of the services asked for
	ENIPClasses     = "fengsui.enip.cip.class"
	ENIPInstances   = "fengsui.enip.cip.instance"
	ENIPAttributes  = "fengsui.enip.cip.attribute"
	ENIPSymbols     = "fengsui.enip.cip.symbol"
	ENIPCIPStatus   = "fengsui.enip.cip.status" // of the answers
	ENIPProduct     = "fengsui.enip.identity.product_name"
	ENIPVendor      = "fengsui.enip.identity.vendor_id"
	ENIPDeviceType  = "fengsui.enip.identity.device_type"
	ENIPProductCode = "fengsui.enip.identity.product_code"
	ENIPRevision    = "fengsui.enip.identity.revision" // major.minor
	ENIPSerial      = "fengsui.enip.identity.serial"
	ENIPState       = "fengsui.enip.identity.state"
	ENIPServiceName = "fengsui.enip.service_name"
)
