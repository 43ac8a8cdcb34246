package alert

// Level is the product's severity, worst first, as GB/T 20986 grades incidents.
type Level uint8

// Levels. Numbers are written to records: do not change them.
const (
	Critical Level = 1
	High     Level = 2
	Medium   Level = 3
	Low      Level = 4
)

// String is the level's word.
func (l Level) String() string {
	switch l {
	case Critical:
		return "critical"
	case High:
		return "high"
	case Medium:
		return "medium"
	}
	return "low"
}

// Level maps the alert to the product's severity. A rule may say more than its priority does: ET rules carry signature_severity
// (Critical, Major, Minor, Informational), which wins when it is there.
func (a *Alert) Level() Level {
	for _, word := range a.Metadata["signature_severity"] {
		switch word {
		case "Critical":
			return Critical
		case "Major":
			return High
		case "Minor":
			return Medium
		case "Informational":
			return Low
		}
	}
	switch {
	case a.Severity <= 1:
		return High
	case a.Severity == 2:
		return Medium
	}
	return Low
}
