package runtime

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/sirupsen/logrus"

	"blackhole/runtime/birth"
)

// canBeBorn tells whether a container's first process can be born in its cgroups, see
// package birth. What runs before the limits are set would run without them, and in this
// process's name in the cgroups: hooks.
func canBeBorn(config *configs.Config) bool {
	return !cgroups.IsCgroup2UnifiedMode() && !config.Cgroups.Systemd && !config.Cgroups.Rootless &&
		!config.HasHook(configs.Prestart, configs.CreateRuntime, configs.CreateContainer)
}

// startBorn is container.Start with the first process born in its cgroups; own manages
// the same ones, which are there. Libcontainer has no cgroups meanwhile: it would move the process to where it is, and wait for that. State.json has
// neither them nor limits until these are set, see unfinished.
func (r *Runtime) startBorn(container *libcontainer.Container, process *libcontainer.Process, config *configs.Config, own cgroups.Manager) error {
	// What libcontainer sets without cgroups must not be where its package fs first looks
	// for files by which it then knows the kernel.
	if err := own.Set(&cgroups.Resources{SkipDevices: true}); err != nil {
		return fmt.Errorf("unable to apply cgroup configuration: %w", err)
	}
	if isFreezing(own.Path("freezer")) { // above it; the thread would not go on, and this process with it
		return container.Start(process)
	}
	paths := own.GetPaths()
	unified := paths[""]
	if unified != "" {
		note, err := birth.Note(unified)
		if err != nil {
			return err
		}
		defer note.Close()
		process.ExtraFiles = append(process.ExtraFiles, note)
	}
	whole := config.Cgroups
	defer func() { config.Cgroups = whole }()
	entered, err := birth.In(dirsV1(paths), func() error {
		giveBack, err := takeCgroups(container, config)
		defer giveBack()
		if err != nil {
			return err
		}
		return container.Start(process)
	})
	if !entered {
		logrus.Debugf("the first process is moved to its cgroups: %v", err)
		return container.Start(process)
	}
	if err != nil {
		return explainOOM(err, own)
	}
	pid, err := process.Pid()
	if err != nil {
		return err
	}
	if unified != "" {
		if pids, err := cgroups.GetPids(unified); err != nil || !slices.Contains(pids, pid) {
			_ = cgroups.WriteCgroupProc(unified, pid) // as libcontainer does, which takes it for a help to others
		}
	}
	// On a full disk there may be room for one.
	if err := os.Remove(filepath.Join(r.Root, container.ID(), stateFile)); err != nil {
		return err
	}
	// Container.config is still without limits: those are what Set goes back to when it fails.
	limited := *config
	limited.Cgroups = whole
	if err := container.Set(limited); err != nil {
		return fmt.Errorf("unable to start container process: error setting cgroup config: %w", err)
	}
	return nil
}

// dirsV1 are the cgroups of version 1, of which some have several controllers.
func dirsV1(paths map[string]string) []string {
	var dirs []string
	for controller, dir := range paths {
		if controller != "" && dir != "" {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// takeCgroups takes the cgroups out of a container's manager until giveBack is called, and
// what is to be set in them out of the configuration. State returns the manager's own map
// of paths (GetPaths of the cgroups' package fs). That package takes cgroups without a
// path for an error of devices alone, and not where they are Rootless.
func takeCgroups(container *libcontainer.Container, config *configs.Config) (giveBack func(), err error) {
	state, err := container.State()
	if err != nil {
		return func() {}, err
	}
	paths, all, whole := state.CgroupPaths, maps.Clone(state.CgroupPaths), config.Cgroups
	without := *whole
	without.Resources, without.ScopePrefix = &cgroups.Resources{}, noLimitsYet
	config.Cgroups = &without
	whole.Rootless = true // the manager's
	clear(paths)
	giveBack = func() {
		maps.Copy(paths, all)
		whole.Rootless = false
	}
	if state, err = container.State(); err == nil && len(state.CgroupPaths) > 0 {
		err = errors.New("libcontainer does not let go of its cgroups: another version than this was made for")
	}
	return giveBack, err
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

// isFreezing tells that a cgroup of the freezer is frozen by one above it (freezer-subsystem.rst of
// the kernel's cgroup-v1 documents).
func isFreezing(dir string) bool {
	if dir == "" {
		return false
	}
	text, err := cgroups.ReadFile(dir, "freezer.parent_freezing")
	return err == nil && strings.TrimSpace(text) == "1"
}
