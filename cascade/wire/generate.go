package wire

//go:generate protoc --proto_path=. --go_out=. --go_opt=paths=source_relative alert.proto code.proto issue.proto query.proto record.proto register.proto state.proto upload.proto
