package event

// Fields of LDAP, after the keys of Suricata's EVE log. Attribute values are not among them: they hold passwords.
const (
	LDAPMessageID        = "fengsui.ldap.request.message_id"
	LDAPOperation        = "fengsui.ldap.request.operation"
	LDAPBindVersion      = "fengsui.ldap.request.bind_request.version"
	LDAPBindName         = "fengsui.ldap.request.bind_request.name"
	LDAPBindMechanism    = "fengsui.ldap.request.bind_request.sasl.mechanism"
	LDAPBindPassword     = "fengsui.ldap.request.bind_request.password_sent"
	LDAPSearchBase       = "fengsui.ldap.request.search_request.base_object"
	LDAPSearchScope      = "fengsui.ldap.request.search_request.scope"
	LDAPSearchDeref      = "fengsui.ldap.request.search_request.deref_alias"
	LDAPSearchSize       = "fengsui.ldap.request.search_request.size_limit"
	LDAPSearchTime       = "fengsui.ldap.request.search_request.time_limit" // seconds
	LDAPSearchTypesOnly  = "fengsui.ldap.request.search_request.types_only"
	LDAPSearchFilter     = "fengsui.ldap.request.search_request.filter"
	LDAPSearchAttributes = "fengsui.ldap.request.search_request.attributes"
	LDAPModifyObject     = "fengsui.ldap.request.modify_request.object"
	LDAPModifyAttributes = "fengsui.ldap.request.modify_request.attributes"
	LDAPAddEntry         = "fengsui.ldap.request.add_request.entry"
	LDAPAddAttributes    = "fengsui.ldap.request.add_request.attributes"
	LDAPDelDN            = "fengsui.ldap.request.del_request.dn"
	LDAPModDNEntry       = "fengsui.ldap.request.mod_dn_request.entry"
	LDAPModDNNew         = "fengsui.ldap.request.mod_dn_request.new_rdn"
	LDAPModDNDelete      = "fengsui.ldap.request.mod_dn_request.delete_old_rdn"
	LDAPModDNSuperior    = "fengsui.ldap.request.mod_dn_request.new_superior"
	LDAPCompareEntry     = "fengsui.ldap.request.compare_request.entry"
	LDAPCompareAttribute = "fengsui.ldap.request.compare_request.attribute"
	LDAPExtendedName     = "fengsui.ldap.request.extended_request.name"
	LDAPAbandon          = "fengsui.ldap.request.abandon_request.message_id"
	LDAPResponses        = "fengsui.ldap.response_count"
	LDAPResponseOps      = "fengsui.ldap.responses.operation"
	LDAPResponseDNs      = "fengsui.ldap.responses.dn"
	LDAPResult           = "fengsui.ldap.responses.result_code" // of the last one
	LDAPResultText       = "fengsui.ldap.responses.message"     // of the last one
	LDAPResponseName     = "fengsui.ldap.responses.name"        // of an extended one
	LDAPStartTLS         = "fengsui.ldap.start_tls"
)
