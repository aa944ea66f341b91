package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/sirupsen/logrus"

	"blackhole/runtime/birth"
)

// canBeBorn tells whether a container's first process can be born in its cgroups, see
// package birth, but for its hooks.
func canBeBorn(config *configs.Config) bool {
	return !config.Cgroups.Systemd && !config.Cgroups.Rootless && (!cgroups.IsCgroup2UnifiedMode() || canBeBornV2(config))
}

// runsHooks tells of hooks that would run before the limits are set, and on version 1 in
// this process's name in the cgroups.
func runsHooks(config *configs.Config) bool {
	return config.HasHook(configs.Prestart, configs.CreateRuntime, configs.CreateContainer)
}

// startBorn is container.Start with the first process born in its cgroups; own manages
// the same ones, which are there. Out is the same container on version 2, and nil on version 1.
// Libcontainer has no cgroups meanwhile: it would move the process to where it
// is, and wait for that. State.json has neither them nor limits until these are set, see
// unfinished. What is returned takes the container's place.
func (r *Runtime) startBorn(container *libcontainer.Container, out *outside, process *libcontainer.Process, config *configs.Config, own cgroups.Manager) (*libcontainer.Container, error) {
	var started bool
	var err error
	whole := config.Cgroups
	defer func() { config.Cgroups = whole }()
	if out != nil {
		started, err = out.start(process, config, own.Path(""))
	} else {
		started, err = startInV1(container, process, config, own)
	}
	if !started {
		logrus.Debugf("the first process is moved to its cgroups: %v", err)
		return container, container.Start(process)
	}
	if err != nil {
		return nil, explainOOM(err, own)
	}
	// On a full disk there may be room for one.
	if err := os.Remove(filepath.Join(r.Root, container.ID(), stateFile)); err != nil {
		return nil, err
	}
	if out != nil {
		return out.limit(r.Root, own, whole)
	}
	// Container.config is still without limits: those are what Set goes back to when it fails.
	limited := *config
	limited.Cgroups = whole
	return container, explainLimit(container.Set(limited))
}

// withNote has start begin a process whose first cgroup of version 2 is dir. A process that
// was not begun is left as it was: libcontainer's own way needs no note.
func withNote(process *libcontainer.Process, dir string, start func() (started bool, err error)) (started bool, err error) {
	note, err := birth.Note(dir)
	if err != nil {
		return true, err
	}
	defer note.Close()
	files := process.ExtraFiles
	process.ExtraFiles = append(slices.Clone(files), note)
	if started, err = start(); !started {
		process.ExtraFiles = files
	}
	return started, err
}

// explainLimit is what libcontainer says of limits that it cannot set.
func explainLimit(err error) error {
	if err != nil {
		err = fmt.Errorf("unable to start container process: error setting cgroup config: %w", err)
	}
	return err
}

// noLimitsYet marks a configuration without its limits, in a field that only cgroups of
// systemd's have a use for.
const noLimitsYet = "no limits yet"

// unfinished tells a state.json that libcontainer saved without the limits: its creator was
// killed before it had set them, and its program must not run.
func unfinished(state *libcontainer.State) bool {
	cg := state.Config.Cgroups
	return cg != nil && !cg.Systemd && cg.ScopePrefix == noLimitsYet
}

// explainOOM is what libcontainer would have said, had it known where to look.
func explainOOM(err error, m cgroups.Manager) error {
	if n, oerr := m.OOMKillCount(); oerr == nil && n > 0 {
		return fmt.Errorf("container init was OOM-killed (memory limit too low?): %w", err)
	}
	return err
}
