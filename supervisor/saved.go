package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/internal/atomicfile"
	"blackhole/internal/fileversion"
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

// load reads what save wrote; nothing where there is no file. What cannot be
// read is an error, and fileversion.ErrNewer for what a newer supervisor wrote.
func (p Paths) load() (saved, error) {
	data, err := os.ReadFile(p.saved())
	if errors.Is(err, fs.ErrNotExist) {
		return saved{}, nil
	}
	if err != nil {
		return saved{}, err
	}
	var in saved
	jerr := json.Unmarshal(data, &in) // goes on after a wrong type
	if err := fileversion.Check(p.saved(), in.Version, savedVersion); err != nil {
		return saved{}, err
	}
	if jerr == nil && in.Version < 1 {
		jerr = errors.New("it has no version")
	}
	for name, sv := range in.Services {
		if sv.Signal == 0 { // which would end nothing
			sv.Signal = spec.Signal(unix.SIGTERM)
			in.Services[name] = sv
		}
		if filepath.Base(name) != name || name == ".." { // it becomes part of paths
			jerr = errors.Join(jerr, fmt.Errorf("%q is no service", name))
		}
	}
	if jerr != nil {
		return saved{}, fmt.Errorf("cannot read %s: %w", p.saved(), jerr)
	}
	return in, nil
}
