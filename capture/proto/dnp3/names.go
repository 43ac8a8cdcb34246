package dnp3

import "strconv"

// Function codes that are looked at (IEEE 1815 4.2.2.4).
const (
	funcConfirm     = 0
	funcRead        = 1
	funcWrite       = 2
	funcDirectNoAck = 6
	funcResponse    = 129
	funcUnsolicited = 130
	funcAuthAnswer  = 131
)

// functions are the names of function codes, as dnp3_func writes them. Never written.
var functions = map[uint8]string{
	0: "confirm", 1: "read", 2: "write", 3: "select", 4: "operate", 5: "direct_operate", 6: "direct_operate_nr", 7: "immed_freeze",
	8: "immed_freeze_nr", 9: "freeze_clear", 10: "freeze_clear_nr", 11: "freeze_at_time", 12: "freeze_at_time_nr", 13: "cold_restart",
	14: "warm_restart", 15: "initialize_data", 16: "initialize_appl", 17: "start_appl", 18: "stop_appl", 19: "save_config",
	20: "enable_unsolicited", 21: "disable_unsolicited", 22: "assign_class", 23: "delay_measure", 24: "record_current_time", 25: "open_file",
	26: "close_file", 27: "delete_file", 28: "get_file_info", 29: "authenticate_file", 30: "abort_file", 31: "activate_config",
	32: "authenticate_req", 33: "authenticate_err", 129: "response", 130: "unsolicited_response", 131: "authenticate_resp",
}

// FunctionName is the name of a function code, its number when it has none.
func FunctionName(code uint8) string {
	if name := functions[code]; name != "" {
		return name
	}
	return strconv.Itoa(int(code))
}

// Functions calls visit for each function code that has a name.
func Functions(visit func(name string, code uint8)) {
	for code, name := range functions {
		visit(name, code)
	}
}

// indications are the names of the bits of the internal indications, from the lowest of the first octet on (IEEE 1815
// 4.2.2.6), as dnp3_ind writes them. Never written.
var indications = [16]string{
	"all_stations", "class_1_events", "class_2_events", "class_3_events", "need_time", "local_control", "device_trouble", "device_restart",
	"no_func_code_support", "object_unknown", "parameter_error", "event_buffer_overflow", "already_executing", "config_corrupt", "reserved_2", "reserved_1",
}

// Indication gives the bit of an indication's name.
func Indication(name string) (bit uint16, ok bool) {
	for i, n := range indications {
		if n == name {
			return 1 << i, true
		}
	}
	return 0, false
}

func indicationNames(bits uint16) (names []string) {
	for i, n := range indications {
		if bits&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// carries tells whether the objects of a fragment with this function bring data with them.
func carries(code uint8) bool {
	switch code {
	case funcConfirm, funcRead, 7, 8, 9, 10, 13, 14, 20, 21, 22, 23:
		return false
	}
	return true
}
