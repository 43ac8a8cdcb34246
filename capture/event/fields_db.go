package event

// Fields of access to databases, common to all database protocols (packages capture/proto/mysql, pgsql, mssql, tns, redis,
// mongodb). The user is also user.name of ECS.
const (
	DBUser       = "fengsui.db.user"
	DBName       = "fengsui.db.name"
	DBStatement  = "fengsui.db.statement" // SQL text or command, secrets masked
	DBCut        = "fengsui.db.statement_cut"
	DBOperation  = "fengsui.db.operation" // SELECT, LOGIN, GET, find, …
	DBObject     = "fengsui.db.object"    // tables, collections, keys the statement names
	DBOutcome    = "fengsui.db.outcome"   // success, failure; absent: not seen
	DBErrorCode  = "fengsui.db.error_code"
	DBError      = "fengsui.db.error"
	DBRows       = "fengsui.db.rows" // returned or changed
	DBServer     = "fengsui.db.server_version"
	DBClient     = "fengsui.db.client" // program that connected
	DBClientHost = "fengsui.db.client_host"
	DBAuth       = "fengsui.db.auth_method"
	DBEncrypted  = "fengsui.db.encrypted" // goes on in TLS
	DBService    = "fengsui.db.service"
	DBCompressed = "fengsui.db.compressed"
	TNSOSUser    = "fengsui.tns.os_user" // the account on the client's host
	TNSRedirect  = "fengsui.tns.redirect"
)
