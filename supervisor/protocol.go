package supervisor

import (
	"time"

	"blackhole/runtime/stats"
)

// ProtocolVersion is the control socket's. docs/control-socket.md describes it; it
// rises when an old client would misunderstand a new supervisor.
const ProtocolVersion = 1

// Request is the one line that a client sends.
type Request struct {
	Version int `json:"version"`
	// Method is status, stop, restart, end or apply.
	Method string `json:"method"`
	// Services are those meant; none is all.
	Services []string `json:"services,omitempty"`
	// Brief asks status to leave out stats and output, which cost most of it.
	Brief bool `json:"brief,omitempty"`
	// Settled asks status to wait until each service is up or cannot be.
	Settled bool `json:"settled,omitempty"`
	// Of apply: the configuration's files by absolute path, none is the
	// supervisor's own; only tell what would be done; and do it only if it is
	// what the plan of that id says.
	Files  []string `json:"files,omitempty"`
	DryRun bool     `json:"dry_run,omitempty"`
	Plan   string   `json:"plan,omitempty"`
}

// Reply is the one line that comes back, when all is done.
type Reply struct {
	Version int    `json:"version"`
	Error   string `json:"error,omitempty"`
	Pid     int    `json:"pid,omitempty"` // the supervisor's
	// Goroutines are the supervisor's: more and more of them are a leak.
	Goroutines int             `json:"goroutines,omitempty"`
	Services   []ServiceStatus `json:"services,omitempty"`
	// Of apply.
	Faults  []string `json:"faults,omitempty"` // with Error: of the configuration, one line each
	Plan    string   `json:"plan,omitempty"`
	Changes []Change `json:"changes,omitempty"`
}

// ServiceStatus is what status tells of a service.
type ServiceStatus struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason,omitempty"` // of the state
	Pid      int       `json:"pid,omitempty"`
	Started  time.Time `json:"started,omitzero"` // its program
	Restarts uint64    `json:"restarts"`
	// Health is healthy or unhealthy, starting before the first check
	// succeeded; empty without a check. HealthError is of the last check.
	Health      string       `json:"health,omitempty"`
	HealthError string       `json:"health_error,omitempty"`
	Exit        *Exit        `json:"last_exit,omitempty"`
	Alerts      []*Alert     `json:"alerts,omitempty"`
	Warnings    []string     `json:"warnings,omitempty"` // what this host cannot do
	Output      []string     `json:"output,omitempty"`   // last lines, of one that failed
	Stats       *stats.Stats `json:"stats,omitempty"`    // what it uses now
}
