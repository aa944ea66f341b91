package supervisor

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"blackhole/internal/atomicfile"
	"blackhole/spec"
)

// saved is what the next supervisor, and the commands without one, must know.
type saved struct {
	Version  int                     `json:"version"`
	Services map[string]savedService `json:"services"`
}

type savedService struct {
	State    State         `json:"state"`
	Active   bool          `json:"active"`  // its program runs, or is about to
	Stopped  bool          `json:"stopped"` // on purpose
	Restarts uint64        `json:"restarts"`
	Exit     *Exit         `json:"exit,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Signal   spec.Signal   `json:"stop_signal"`
	Timeout  time.Duration `json:"stop_timeout_ns"`
	Needs    []string      `json:"depends_on,omitempty"`
	// Pending: what runs is not yet as the configuration that was applied has it.
	Pending bool `json:"pending,omitempty"`
}

const savedVersion = 1

// save writes the state down. A failure is told once, and it is tried again each
// second: a disk that was full may have room by then, and nothing else happen.
func (s *Supervisor) save() {
	s.dirty = false
	out := saved{savedVersion, map[string]savedService{}}
	for _, sv := range s.services {
		out.Services[sv.name] = savedService{
			State: sv.state, Active: sv.active(), Stopped: sv.state == Stopped && sv.reason != finished,
			Restarts: sv.restarts, Exit: sv.exit, Reason: sv.reason,
			Signal: *sv.spec.Stop.Signal, Timeout: sv.policy.stopTimeout, Needs: sv.spec.DependsOn,
			Pending: sv.alive && sv.made != sv.config,
		}
	}
	data, err := json.Marshal(out)
	if err == nil {
		err = atomicfile.Write(s.o.Paths.saved(), data, 0o600)
	}
	if err == nil && s.unapplied {
		err = s.writeApplied()
	}
	if err != nil && !s.unsaved {
		s.warn(nil, fmt.Errorf("cannot save the state: %w", err))
	}
	s.unsaved = err != nil
}

// load reads what save wrote; of what cannot be read nothing.
func (s *Supervisor) load() saved { return s.o.Paths.load() }

func (p Paths) load() saved {
	var in saved
	data, err := os.ReadFile(p.saved())
	if err != nil || json.Unmarshal(data, &in) != nil || in.Version != savedVersion {
		return saved{}
	}
	return in
}
