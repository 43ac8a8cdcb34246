package event

// Fields of Kerberos, after the keys of Suricata's EVE log; user.name and user.domain hold client and realm as well.
const (
	KRB5Type          = "fengsui.krb5.msg_type"
	KRB5FailedRequest = "fengsui.krb5.failed_request"
	KRB5Error         = "fengsui.krb5.error_code"
	KRB5ErrorText     = "fengsui.krb5.error_text"
	KRB5Client        = "fengsui.krb5.cname"
	KRB5Realm         = "fengsui.krb5.realm"
	KRB5Server        = "fengsui.krb5.sname"
	KRB5Offered       = "fengsui.krb5.offered_encryption"
	KRB5Encryption    = "fengsui.krb5.encryption"
	KRB5Weak          = "fengsui.krb5.weak_encryption"
	KRB5Ticket        = "fengsui.krb5.ticket_encryption"
	KRB5TicketWeak    = "fengsui.krb5.ticket_weak_encryption"
)
