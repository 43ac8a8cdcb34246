package wire

// Short names of the generated constants of register, issue and query.
const (
	PurposeSite = Purpose_PURPOSE_SITE
	PurposeNode = Purpose_PURPOSE_NODE

	EnrolPending  = EnrolState_ENROL_STATE_PENDING
	EnrolApproved = EnrolState_ENROL_STATE_APPROVED
	EnrolRejected = EnrolState_ENROL_STATE_REJECTED
	EnrolRevoked  = EnrolState_ENROL_STATE_REVOKED

	StateReceived = State_STATE_RECEIVED
	StateApplied  = State_STATE_APPLIED
	StateRefused  = State_STATE_REFUSED
	StateHeld     = State_STATE_HELD

	Answered = Completeness_COMPLETENESS_ANSWERED
	Partial  = Completeness_COMPLETENESS_PARTIAL
	Late     = Completeness_COMPLETENESS_LATE
	Offline  = Completeness_COMPLETENESS_OFFLINE
	Refused  = Completeness_COMPLETENESS_REFUSED
)
