package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"blackhole/internal/atomicfile"
	"blackhole/internal/fileversion"
	"blackhole/spec"
)

// saveApplied writes down the configuration that is in force, for the next
// supervisor: the file may have been edited since, and be faulty, when this one
// dies. For root alone, as the environment of a service may hold passwords.
func (s *Supervisor) saveApplied() {
	s.dirty, s.unapplied = true, true // see save
}

func (s *Supervisor) writeApplied() error {
	data, err := s.inForce().Render("", spec.FormatYAML)
	if err == nil {
		err = atomicfile.Write(s.o.Paths.applied(), data, 0o600)
	}
	s.unapplied = err != nil
	return err
}

// inForce is the configuration as it was applied: a service whose change failed
// has its former one.
func (s *Supervisor) inForce() *spec.Config {
	services := map[string]*spec.Config{}
	for name, sv := range s.services {
		if !sv.gone {
			services[name] = sv.config
		}
	}
	return s.config.Applied(services)
}

// lastApplied is the configuration that a supervisor before this one left
// services running under; nil where none runs.
func (o *Options) lastApplied() (*spec.Config, error) {
	saved, err := o.Paths.load()
	if errors.Is(err, fileversion.ErrNewer) {
		return nil, err
	} // what else is wrong with it the supervisor tells once it has the lock
	runs := false
	for name, old := range saved.Services {
		if !old.Active {
			continue
		}
		state, err := o.Runtime.State(name)
		if err == nil && state.Bundle == o.Paths.bundle(name) && (state.Status == "running" || state.Status == "paused") {
			runs = true
			break
		}
	}
	if !runs {
		return nil, nil
	}
	if _, err := os.Stat(o.Paths.applied()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return spec.Load([]string{o.Paths.applied()})
}

// load reads the configuration to begin with. What a supervisor left running goes
// on under the configuration that was applied last, whatever became of the file
// since: only apply changes what runs. notice is what the file says otherwise.
func (o *Options) load() (config *spec.Config, notice, err error) {
	last, lerr := o.lastApplied()
	if errors.Is(lerr, fileversion.ErrNewer) {
		return nil, nil, fmt.Errorf("cannot supervise: %w", lerr)
	}
	config, err = o.Load(nil)
	switch {
	case lerr != nil:
		// Which services ran is found out without; what they are to be is not.
		return config, fmt.Errorf("cannot read what was applied last, so the file holds: %s", oneLine(lerr)), err
	case last == nil:
		return config, nil, err
	case err != nil:
		return last, fmt.Errorf("services go on with the configuration that was applied last; the file is faulty: %w", err), nil
	}
	a, aerr := last.Render("", spec.FormatYAML)
	b, berr := config.Applied(nil).Render("", spec.FormatYAML)
	if aerr != nil || berr != nil || string(a) != string(b) {
		notice = fmt.Errorf("services go on with the configuration that was applied last; the file differs: run blackhole apply")
	}
	return last, notice, nil
}
