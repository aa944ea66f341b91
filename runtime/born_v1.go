package runtime

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"

	"blackhole/runtime/birth"
)

// startInV1 is container.Start in a thread that is in the cgroups of version 1, and which the
// first process is forked from. Where it does not get into them nothing is started.
func startInV1(container *libcontainer.Container, process *libcontainer.Process, config *configs.Config, own cgroups.Manager) (started bool, err error) {
	// What libcontainer sets without cgroups must not be where its package fs first looks
	// for files by which it then knows the kernel.
	if err := own.Set(&cgroups.Resources{SkipDevices: true}); err != nil {
		return true, fmt.Errorf("unable to apply cgroup configuration: %w", err)
	}
	if isFreezing(own.Path("freezer")) { // the thread would not go on, and this process with it
		return false, errors.New("there is a frozen cgroup above")
	}
	paths := own.GetPaths()
	unified := paths[""]
	start := func() (bool, error) {
		return birth.In(dirsV1(paths), func() error {
			giveBack, err := takeCgroups(container, config)
			defer giveBack()
			if err != nil {
				return err
			}
			return container.Start(process)
		})
	}
	if unified == "" {
		return start()
	}
	if started, err = withNote(process, unified, start); !started || err != nil {
		return started, err
	}
	if in, err := isIn(process, unified); err != nil || !in {
		if pid, err := process.Pid(); err == nil {
			_ = cgroups.WriteCgroupProc(unified, pid) // as libcontainer does, which takes it for a help to others
		}
	}
	return true, nil
}

// isIn tells whether a first process is in a cgroup of version 2.
func isIn(process *libcontainer.Process, dir string) (bool, error) {
	pid, err := process.Pid()
	if err != nil {
		return false, err
	}
	pids, err := cgroups.GetPids(dir)
	return slices.Contains(pids, pid), err
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

// isFreezing tells that a cgroup of the freezer is frozen by one above it (freezer-subsystem.rst of
// the kernel's cgroup-v1 documents).
func isFreezing(dir string) bool {
	if dir == "" {
		return false
	}
	text, err := cgroups.ReadFile(dir, "freezer.parent_freezing")
	return err == nil && strings.TrimSpace(text) == "1"
}
