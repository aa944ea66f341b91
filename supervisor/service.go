package supervisor

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/runtime"
	"blackhole/spec"
)

// service is one service under supervision. It belongs to the supervisor's loop:
// nothing else reads or changes it.
type service struct {
	machine
	name string
	spec *spec.Service // defaults merged in
	// config is what it is to be, read what spec was read from, and made what its
	// container was made of or brought to; nil before there was one.
	config, read, made *spec.Config
	fitting            bool   // its container is being brought to config
	unfit              string // why the last attempt failed; it has its former configuration
	log                *logFile

	pid        int
	pidfd      *pidfd // nil while nothing runs; closed as soon as it has ended
	startedAt  time.Time
	cgroups    map[string]string // see runtime.Cgroups
	run        uint64            // counts its lives, so that what comes late from an earlier one is told
	creating   bool
	ahead      *ahead             // its next container; nil: none
	unclean    bool               // its last container could not be removed
	stopChecks context.CancelFunc // ends its health check
	lastCheck  string             // why the last health check failed; empty for a success

	wantsStop    bool // as soon as nothing that depends on it runs
	wantsRestart bool // likewise
	gone         bool // no longer in the configuration: forgotten once it has ended
	warnings     []string

	usage    *usage            // nil while nothing runs
	firing   map[string]*Alert // by kind
	raised   map[string]uint64 // how often, by kind
	oomKills uint64            // in all its lives
}

func newService(name string, s *spec.Service, c *spec.Config) *service {
	sv := &service{name: name, config: c, read: c, firing: map[string]*Alert{}, raised: map[string]uint64{}}
	sv.configure(s)
	return sv
}

// configure takes over what the configuration says of its life.
func (sv *service) configure(s *spec.Service) {
	sv.spec = s
	sv.policy = policy{
		restart:     *s.Restart.Policy,
		maxRetries:  *s.Restart.MaxRetries,
		backoff:     time.Duration(*s.Restart.Backoff),
		maxBackoff:  time.Duration(*s.Restart.MaxBackoff),
		stopTimeout: time.Duration(*s.Stop.Timeout),
		checked:     s.HealthCheck != nil,
	}
}

func (sv *service) stopSignal() unix.Signal { return unix.Signal(*sv.spec.Stop.Signal) }

// active: something of it runs, or is about to.
func (sv *service) active() bool { return sv.alive || sv.creating }

// present: there is a container of it, or is about to be.
func (sv *service) present() bool { return sv.active() || sv.ahead != nil }

// has is the configuration of its container; nil where there is none.
func (sv *service) has() *spec.Config {
	switch {
	case sv.active():
		return sv.made
	case sv.ahead != nil:
		return sv.ahead.config
	}
	return nil
}

// settled: it is what it will be, unless something happens.
func (sv *service) settled() bool {
	switch sv.state {
	case Stopping:
		return false
	case Backoff:
		return sv.retries > 2 // a loop that may go on for ever
	case Starting, Waiting:
		// Two services of which each is started while the other waits would never be
		// found waiting both.
		return sv.retries > 5
	}
	return true
}

// running is a container that runs.
type running struct {
	pid     int
	process *runtime.Process // nil for one that an earlier supervisor created
	pidfd   *pidfd
	cgroups map[string]string
	since   time.Time
	// What the out-of-memory counters stood at when it began to be watched.
	levels   []oomLevel
	oomKills uint64

	notes []string // warnings
}
