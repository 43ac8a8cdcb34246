package event

// KindModbus is a Modbus request with its response.
const KindModbus Kind = "modbus"

// Fields of Modbus.
const (
	ModbusID           = "fengsui.modbus.transaction_id"
	ModbusUnit         = "fengsui.modbus.unit_id"
	ModbusFunction     = "fengsui.modbus.function_code" // number
	ModbusFunctionName = "fengsui.modbus.function"
	ModbusCategory     = "fengsui.modbus.category"    // assigned, unassigned, user, reserved
	ModbusAccess       = "fengsui.modbus.access_type" // read, write, and what: coils, discretes, input, holding
	ModbusSubfunction  = "fengsui.modbus.subfunction"
	ModbusReadAddress  = "fengsui.modbus.read.address"
	ModbusReadCount    = "fengsui.modbus.read.quantity"
	ModbusWriteAddress = "fengsui.modbus.write.address"
	ModbusWriteCount   = "fengsui.modbus.write.quantity"
	ModbusWriteValues  = "fengsui.modbus.write.values" // the first of them
	ModbusException    = "fengsui.modbus.exception_code"
)
