// Package monitor is how a node is watched: its log, its metrics, its health.
//
// Log: [NewLogger] makes the one *slog.Logger of a process. It redacts by name (token, key, passphrase, src_ip, …) and by
// shape (enrolment tokens, PEM blocks), because a log leaves the machine more easily than anything else does.
//
// Metrics: parts expose plain counters and never know Prometheus. [Registry] is told once how to read each of them and renders
// them when asked. Reading happens on the scraping goroutine, so a reader must be safe beside whoever counts, and fast.
//
// Health: [Health] asks every registered check at the same time, each with a deadline, so that a part that hangs is reported
// instead of hanging the report.
//
// [Server] serves /metrics and /healthz over plain HTTP where the configuration says so. It has no authentication: it shows
// counts and states, never records, and listens on loopback unless told otherwise.
package monitor
