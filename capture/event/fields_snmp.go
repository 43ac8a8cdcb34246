package event

// Fields of SNMP messages (package capture/proto/snmp). Communities and user names are shown as sent: they are what is
// looked for; authentication parameters are not.
const (
	SNMPVersion     = "fengsui.snmp.version" // 1, 2 (2c), 3
	SNMPCommunity   = "fengsui.snmp.community"
	SNMPUSM         = "fengsui.snmp.usm" // user name of version 3
	SNMPEngineID    = "fengsui.snmp.engine_id"
	SNMPContext     = "fengsui.snmp.context_name"
	SNMPEncrypted   = "fengsui.snmp.encrypted"
	SNMPPDUType     = "fengsui.snmp.pdu_type"
	SNMPRequestID   = "fengsui.snmp.request_id"
	SNMPError       = "fengsui.snmp.error"
	SNMPErrorIndex  = "fengsui.snmp.error_index"
	SNMPVars        = "fengsui.snmp.vars"   // object identifiers
	SNMPValues      = "fengsui.snmp.values" // beside vars
	SNMPTrapType    = "fengsui.snmp.trap_type"
	SNMPTrapOID     = "fengsui.snmp.trap_oid"
	SNMPTrapAddress = "fengsui.snmp.trap_address"
)
