package api

import "time"

const (
	bodyBytesMax    = 48 << 20 // a request body: a rule set of 32 MiB as base64 fits
	answerBytesMax  = 256 << 20
	lineBytesMax    = 1 << 20   // one line of a tail
	headerBytesMax  = 256 << 10 // positions grow with the number of sites
	callsMax        = 128       // calls being served at once, tails included
	callTimeout     = 90 * time.Second
	ioTimeout       = 30 * time.Second
	idleTimeout     = 60 * time.Second
	shutdownBudget  = 3 * time.Second
	pageDefault     = 100
	pageMax         = 1000
	idPageMax       = 50_000
	queryRowsMax    = 10_000
	queryDeadline   = 5 * time.Second
	queryTimeoutMax = 60 * time.Second
	inviteDefault   = 24 * time.Hour
	inviteMax       = 30 * 24 * time.Hour
	exprBytesMax    = 4096
)
