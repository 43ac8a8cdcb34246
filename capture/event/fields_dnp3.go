package event

// KindDNP3 is a DNP3 request with its response.
const KindDNP3 Kind = "dnp3"

// Fields of DNP3.
const (
	DNP3Source      = "fengsui.dnp3.src"
	DNP3Destination = "fengsui.dnp3.dst"
	DNP3Function    = "fengsui.dnp3.request.function_code" // number
	DNP3Name        = "fengsui.dnp3.request.function"
	DNP3Objects     = "fengsui.dnp3.request.objects" // group.variation
	DNP3Answer      = "fengsui.dnp3.response.function_code"
	DNP3AnswerName  = "fengsui.dnp3.response.function"
	DNP3Indications = "fengsui.dnp3.iin.indicators"
	DNP3Answered    = "fengsui.dnp3.response.objects" // group.variation
)
