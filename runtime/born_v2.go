package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"

	"blackhole/internal/atomicfile"
	"blackhole/runtime/birth"
)

// noCgroup is a path at which the kernel makes no cgroup (cgroup_mkdir in
// kernel/cgroup/cgroup.c: EINVAL for a line feed).
const noCgroup = "/no\ncgroup"

// canBeBornV2 tells whether nothing of a container depends on what libcontainer's manager of
// its cgroup takes for the path: with a PID namespace of its own the container's end is
// its first process's, and in a cgroup namespace of its own the cgroup is the root.
func canBeBornV2(config *configs.Config) bool {
	return config.Namespaces.IsPrivate(configs.NEWPID) && config.Namespaces.IsPrivate(configs.NEWCGROUP) && birth.IntoCgroup()
}

// newOutside is a container of libcontainer's that has no cgroup, in a folder that is not
// there. Libcontainer takes that for a lack of permission, which it bears where there are no
// limits (Apply of the cgroups' package fs2: ErrRootless), and moves nobody. Its
// manager of version 2 does not let go of a path as that of version 1 does (takeCgroups).
func newOutside(root, id string, config *configs.Config) (*libcontainer.Container, error) {
	whole := config.Cgroups
	none := withoutLimits()
	none.Path = noCgroup
	config.Cgroups = none
	outside, err := libcontainer.Create(root, id, config)
	config.Cgroups = whole
	if err != nil {
		return nil, err
	}
	none.Path = "" // of the manager's configuration: what was asked for without a path need not be
	return outside, os.Remove(filepath.Join(root, id))
}

// startInV2 is outside.Start with the first process made in the cgroup. Where the kernel
// would not do that nothing is started.
func startInV2(outside *libcontainer.Container, process *libcontainer.Process, config *configs.Config, dir string) (started bool, err error) {
	if why := takesNoProcess(dir); why != "" {
		return false, errors.New(why)
	}
	note, err := birth.Note(dir)
	if err != nil {
		return true, err
	}
	defer note.Close()
	process.ExtraFiles = append(process.ExtraFiles, note)
	config.Cgroups = withoutLimits()
	if err := outside.Start(process); err != nil {
		return true, err
	}
	if in, err := isIn(process, dir); err != nil || !in {
		return true, errors.Join(fmt.Errorf("the first process is not in %s, in which it was to be made", dir), err)
	}
	return true, nil
}

// withoutLimits is what libcontainer has for the container's cgroup while it starts it.
func withoutLimits() *cgroups.Cgroup {
	return &cgroups.Cgroup{Rootless: true, Resources: &cgroups.Resources{}, ScopePrefix: noLimitsYet}
}

// takesNoProcess says why no process can be made in a cgroup; "" if one can
// (cgroup-v2.rst, "No Internal Process Constraint" and "Threads"). What libcontainer says of it is better.
func takesNoProcess(dir string) string {
	kind, err := cgroups.ReadFile(dir, "cgroup.type")
	if err != nil || strings.TrimSpace(kind) != "domain" {
		return "it is no domain: " + strings.TrimSpace(kind)
	}
	below, err := cgroups.ReadFile(dir, "cgroup.subtree_control")
	if err != nil || strings.TrimSpace(below) != "" {
		return "it has controllers for those below it: " + strings.TrimSpace(below)
	}
	return ""
}

// limitV2 sets the limits of a container that was started outside, saves it with them, and
// reads it back with the manager of its cgroup.
func (r *Runtime) limitV2(container, outside *libcontainer.Container, whole *cgroups.Cgroup, own cgroups.Manager) (*libcontainer.Container, error) {
	before, _ := own.OOMKillCount() // none without the controller
	if err := explainLimit(own.Set(whole.Resources)); err != nil {
		return container, err
	}
	// Unlike version 1, the kernel takes a memory.max below what is used, and kills at once.
	if killed, _ := own.OOMKillCount(); killed > before {
		return container, explainOOM(explainLimit(errors.New("the first process was killed")), own)
	}
	state, err := outside.State()
	if err != nil {
		return container, err
	}
	state.Config.Cgroups, state.CgroupPaths = whole, own.GetPaths()
	text, err := json.Marshal(state)
	if err != nil {
		return container, err
	}
	if err := atomicfile.Create(filepath.Join(r.Root, container.ID(), stateFile), text, 0o600); err != nil {
		return container, err
	}
	limited, err := loadFile(r.Root, container.ID())
	if err != nil {
		return container, err
	}
	return limited, nil
}
