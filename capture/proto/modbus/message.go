package modbus

import "fengsui/capture/proto/wire"

// Function codes (Application Protocol 6).
const (
	ReadCoils          = 1
	ReadDiscretes      = 2
	ReadHolding        = 3
	ReadInput          = 4
	WriteCoil          = 5
	WriteRegister      = 6
	ReadException      = 7
	Diagnostics        = 8
	CommEventCounter   = 11
	CommEventLog       = 12
	WriteCoils         = 15
	WriteRegisters     = 16
	ReportServerID     = 17
	ReadFile           = 20
	WriteFile          = 21
	MaskWriteRegister  = 22
	ReadWriteRegisters = 23
	ReadFIFO           = 24
	Encapsulated       = 43
	exceptionBit       = 0x80
)

// Access says what a request does, as bits.
type Access uint8

// Access bits.
const (
	Read Access = 1 << iota
	Write
	Discretes
	Coils
	Input
	Holding
	Single
	Multiple
)

// Category is where a function code comes from (Application Protocol 5.1).
type Category uint8

// Categories, as bits: a rule may ask for several.
const (
	Assigned Category = 1 << iota // public and defined
	Unassigned
	User
	Reserved
)

// CategoryOf tells a function code's category.
func CategoryOf(code uint8) Category {
	switch {
	case functions[code].name != "":
		return Assigned
	case code >= 65 && code <= 72 || code >= 100 && code <= 110:
		return User
	case code == 9 || code == 10 || code == 13 || code == 14 || code == 41 || code == 42 || code == 90 || code == 91 || code >= 125:
		return Reserved
	}
	return Unassigned
}

// function is what is known of a code.
type function struct {
	name   string
	access Access
}

// functions is indexed by code and never written.
var functions = [256]function{
	ReadCoils:          {"read_coils", Read | Coils},
	ReadDiscretes:      {"read_discrete_inputs", Read | Discretes},
	ReadHolding:        {"read_holding_registers", Read | Holding},
	ReadInput:          {"read_input_registers", Read | Input},
	WriteCoil:          {"write_single_coil", Write | Coils | Single},
	WriteRegister:      {"write_single_register", Write | Holding | Single},
	ReadException:      {"read_exception_status", 0},
	Diagnostics:        {"diagnostics", 0},
	CommEventCounter:   {"get_comm_event_counter", 0},
	CommEventLog:       {"get_comm_event_log", 0},
	WriteCoils:         {"write_multiple_coils", Write | Coils | Multiple},
	WriteRegisters:     {"write_multiple_registers", Write | Holding | Multiple},
	ReportServerID:     {"report_server_id", 0},
	ReadFile:           {"read_file_record", Read},
	WriteFile:          {"write_file_record", Write},
	MaskWriteRegister:  {"mask_write_register", Write | Holding},
	ReadWriteRegisters: {"read_write_multiple_registers", Read | Write | Holding | Multiple},
	ReadFIFO:           {"read_fifo_queue", Read | Holding},
	Encapsulated:       {"encapsulated_interface_transport", 0},
}

// AccessOf tells what a function does.
func AccessOf(code uint8) Access { return functions[code].access }

// Range is a run of addresses.
type Range struct {
	Seen     bool
	Address  uint16
	Quantity uint16
}

// Holds tells whether an address lies in the range.
func (r Range) Holds(address int) bool {
	return r.Seen && address >= int(r.Address) && address < int(r.Address)+int(r.Quantity)
}

// Request is what a client asks.
type Request struct {
	Function    uint8
	Subfunction uint16
	HasSub      bool
	Read, Write Range
	Values      []uint16 // written, from Write.Address on: registers as they are, coils 0 or 1
}

// Quantities a request may ask for (Application Protocol 6).
const (
	coilsReadMax      = 2000
	coilsWrittenMax   = 1968
	registersReadMax  = 125
	registersWriteMax = 123
	registersBothMax  = 121
)

// parse reads a request behind the function code. It returns the anomaly's name, "" when there is none.
func (q *Request) parse(b []byte) string {
	r := wire.NewReader(b)
	good := true
	limit := func(x Range, highest uint16) { good = good && x.Quantity > 0 && x.Quantity <= highest }
	switch q.Function {
	case ReadCoils, ReadDiscretes, ReadHolding, ReadInput:
		q.Read = Range{true, r.BE16(), r.BE16()}
		if q.Function <= ReadDiscretes {
			limit(q.Read, coilsReadMax)
		} else {
			limit(q.Read, registersReadMax)
		}
	case WriteCoil:
		q.Write = Range{true, r.BE16(), 1}
		value := r.BE16()
		good = value == 0 || value == 0xff00
		q.Values = []uint16{value >> 15}
	case WriteRegister:
		q.Write = Range{true, r.BE16(), 1}
		q.Values = []uint16{r.BE16()}
	case MaskWriteRegister:
		q.Write = Range{true, r.BE16(), 1}
		r.Skip(4)
	case WriteCoils, WriteRegisters:
		q.Write = Range{true, r.BE16(), r.BE16()}
		good = q.written(&r)
	case ReadWriteRegisters:
		q.Read = Range{true, r.BE16(), r.BE16()}
		q.Write = Range{true, r.BE16(), r.BE16()}
		limit(q.Read, registersReadMax)
		limit(q.Write, registersBothMax)
		good = q.written(&r) && good
	case ReadFIFO:
		q.Read = Range{true, r.BE16(), 1}
	case Diagnostics:
		q.Subfunction, q.HasSub = r.BE16(), true
		r.Skip(2)
	case Encapsulated:
		q.Subfunction, q.HasSub = uint16(r.U8()), true
		r.Skip(r.Len())
	case ReadFile, WriteFile:
		r.Skip(int(r.U8()))
	default:
		r.Skip(r.Len())
	}
	switch {
	case r.Short() || r.Len() > 0:
		return "invalid_length"
	case !good:
		return "invalid_value"
	}
	return ""
}

// written reads the values of a request that writes several.
func (q *Request) written(r *wire.Reader) bool {
	size := int(r.U8())
	b := r.Bytes(size)
	n := int(q.Write.Quantity)
	if q.Function == WriteCoils {
		if n == 0 || n > coilsWrittenMax || size != (n+7)/8 || r.Short() {
			return false
		}
		for i := range n {
			q.Values = append(q.Values, uint16(b[i/8]>>(i%8)&1))
		}
		return true
	}
	if n == 0 || n > registersWriteMax || size != 2*n || r.Short() {
		return false
	}
	for i := range n {
		q.Values = append(q.Values, uint16(b[2*i])<<8|uint16(b[2*i+1]))
	}
	return true
}
