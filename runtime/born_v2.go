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

// outside is a container of libcontainer's that has no cgroup. Libcontainer takes that for a
// lack of permission, which it bears where there are no limits (Apply of the cgroups'
// package fs2: ErrRootless), and moves nobody. Its manager of version 2 does not let go of a
// path as that of version 1 does (takeCgroups).
type outside struct {
	container *libcontainer.Container
	config    *configs.Config // the container's own
}

// newOutside makes one in a folder that is not there.
func newOutside(root, id string, config *configs.Config) (*outside, error) {
	none := withoutLimits()
	none.Path = noCgroup
	// What Create looks at beyond that, and warns of, is for the other to see.
	o := &outside{config: &configs.Config{Rootfs: config.Rootfs, IntelRdt: config.IntelRdt, Cgroups: none}}
	var err error
	if o.container, err = libcontainer.Create(root, id, o.config); err != nil {
		return nil, err
	}
	none.Path = "" // of the manager's configuration: what was asked for without a path need not be
	dir := filepath.Join(root, id)
	if err := os.Remove(dir); err != nil {
		return nil, errors.Join(err, os.Remove(dir)) // nobody else would
	}
	return o, nil
}

// start is container.Start with the first process made in the cgroup. Where the kernel
// would not do that nothing is started.
func (o *outside) start(process *libcontainer.Process, config *configs.Config, dir string) (started bool, err error) {
	if why := takesNoProcess(dir); why != "" {
		return false, errors.New(why)
	}
	*o.config = *config
	o.config.Cgroups = withoutLimits()
	if _, err := withNote(process, dir, func() (bool, error) { return true, o.container.Start(process) }); err != nil {
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

// limit sets the limits of a container that was started, saves it with them, and reads it
// back with the manager of its cgroup.
func (o *outside) limit(root string, own cgroups.Manager, whole *cgroups.Cgroup) (*libcontainer.Container, error) {
	before, _ := own.OOMKillCount() // none without the controller
	if err := explainLimit(own.Set(whole.Resources)); err != nil {
		return nil, err
	}
	// Unlike version 1, the kernel takes a memory.max below what is used, and kills at once.
	if killed, _ := own.OOMKillCount(); killed > before {
		return nil, explainOOM(explainLimit(errors.New("the first process was killed")), own)
	}
	state, err := o.container.State()
	if err != nil {
		return nil, err
	}
	state.Config.Cgroups, state.CgroupPaths = whole, own.GetPaths()
	text, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Create(filepath.Join(root, o.container.ID(), stateFile), text, 0o600); err != nil {
		return nil, err
	}
	return loadFile(root, o.container.ID())
}
