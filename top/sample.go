// Package top is what a live view of containers shows: what they use, from two
// samples of their counters, in rows and columns that fit a width. It reads
// nothing and draws nothing: collect reads, screen draws.
package top

import (
	"time"

	"blackhole/runtime/stats"
)

// Sample is one look at all containers of a state folder.
type Sample struct {
	Time time.Time `json:"time"`
	// Supervisor is the pid of the one that was asked; 0: there is none, or it
	// did not answer.
	Supervisor int `json:"supervisor_pid,omitempty"`
	// Problems is what could not be read, for people.
	Problems   []string     `json:"problems,omitempty"`
	Containers []*Container `json:"containers"`
}

// Container is one container, or one service that has none at the moment.
type Container struct {
	Name string `json:"name"`
	// State is the supervisor's for a service (running, unhealthy, backoff…),
	// else the OCI's: created, running, paused or stopped.
	State  string    `json:"state"`
	Reason string    `json:"reason,omitempty"`
	Pid    int       `json:"pid,omitempty"`
	Bundle string    `json:"bundle,omitempty"`
	Since  time.Time `json:"started,omitzero"` // of its program, or of the container
	// Run tells one life of a container from the next: figures of two are not
	// compared.
	Run time.Time `json:"-"`
	// At is when Stats were read.
	At time.Time `json:"-"`
	// Stats is absent for one that does not run.
	Stats *stats.Stats `json:"stats,omitempty"`
	// Service is what the supervisor knows; absent without one.
	Service *Service `json:"service,omitempty"`
}

// Service is the supervisor's part of a Container.
type Service struct {
	Restarts uint64  `json:"restarts"`
	Health   string  `json:"health,omitempty"`
	Alerts   []Alert `json:"alerts,omitempty"`
}

// Alert is one that fires; docs/control-socket.md has the fields.
type Alert struct {
	Kind     string    `json:"kind"`
	Severity string    `json:"severity"`
	Since    time.Time `json:"since"`
	Value    float64   `json:"value,omitempty"`
	Limit    float64   `json:"limit,omitempty"`
	Unit     string    `json:"unit,omitempty"`
}
