package wire

import "slices"

// Short names of the generated constants.
const (
	ClassAlert          = Class_CLASS_ALERT
	ClassIncident       = Class_CLASS_INCIDENT
	ClassWarning        = Class_CLASS_WARNING
	ClassTicket         = Class_CLASS_TICKET
	ClassIntel          = Class_CLASS_INTEL
	ClassReport         = Class_CLASS_REPORT
	ClassStatistics     = Class_CLASS_STATISTICS
	ClassKnowledge      = Class_CLASS_KNOWLEDGE
	ClassPosture        = Class_CLASS_POSTURE
	ClassAuthentication = Class_CLASS_AUTHENTICATION
	ClassAlertLog       = Class_CLASS_ALERT_LOG
	ClassAudit          = Class_CLASS_AUDIT
	ClassAsset          = Class_CLASS_ASSET
)

// byPriority lists the classes, the most urgent first. It may be reordered; numbers may not.
var byPriority = [...]Class{
	ClassIncident, ClassWarning, ClassAlert, ClassTicket, ClassAudit, ClassAuthentication, ClassIntel,
	ClassPosture, ClassReport, ClassStatistics, ClassKnowledge, ClassAsset, ClassAlertLog,
}

// ClassesByPriority returns the classes known here, the most urgent first.
func ClassesByPriority() []Class { return slices.Clone(byPriority[:]) }

// Rank is the class's place in ClassesByPriority; a class from a newer site that is not known
// here ranks behind all known ones.
func (c Class) Rank() int {
	if i := slices.Index(byPriority[:], c); i >= 0 {
		return i
	}
	return len(byPriority)
}

// Valid tells whether the number can be a class, known here or not: it is one byte on disk.
func (c Class) Valid() bool { return c > 0 && c <= 255 }
