package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/utils"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// ProcessOverride is in what a process differs from the first one of its
// container, as config.json has that. Empty fields are as there, but for
// Terminal: a process has one only if it is asked for.
type ProcessOverride struct {
	// Args is the program and its arguments.
	Args []string
	// Cwd is the working directory in the container.
	Cwd string
	// Env are NAME=value, added to the environment.
	Env []string
	// User is UID[:GID].
	User string
	// AdditionalGids are added to the supplementary groups.
	AdditionalGids []int64
	// Capabilities are added to the bounding, effective and permitted sets,
	// and to the ambient one where there are inheritable ones.
	Capabilities []string
	// NoNewPrivileges is no_new_privs of prctl(2).
	NoNewPrivileges *bool
	// AppArmor is a profile's name, SelinuxLabel a label.
	AppArmor, SelinuxLabel string
	Terminal               bool
}

func (o *ProcessOverride) apply(p *specs.Process) error {
	if len(o.Args) == 0 {
		return errors.New("no program is given")
	}
	p.Args = o.Args
	if o.Cwd != "" {
		p.Cwd = o.Cwd
	}
	if o.AppArmor != "" {
		p.ApparmorProfile = o.AppArmor
	}
	if o.SelinuxLabel != "" {
		p.SelinuxLabel = o.SelinuxLabel
	}
	if o.NoNewPrivileges != nil {
		p.NoNewPrivileges = *o.NoNewPrivileges
	}
	p.Terminal = o.Terminal
	p.Env = append(p.Env, o.Env...)
	o.addCapabilities(p)
	return o.setUser(&p.User)
}

func (o *ProcessOverride) addCapabilities(p *specs.Process) {
	if len(o.Capabilities) == 0 {
		return
	}
	if p.Capabilities == nil {
		p.Capabilities = &specs.LinuxCapabilities{}
	}
	c := p.Capabilities
	sets := []*[]string{&c.Bounding, &c.Effective, &c.Permitted}
	if c.Inheritable != nil {
		// The kernel refuses an ambient capability that is not inheritable as
		// well (capabilities(7)).
		sets = append(sets, &c.Ambient)
	}
	for _, set := range sets {
		*set = append(*set, o.Capabilities...)
	}
}

func (o *ProcessOverride) setUser(u *specs.User) error {
	if o.User != "" {
		uid, gid, hasGid := strings.Cut(o.User, ":")
		n, err := strconv.ParseUint(uid, 10, 32)
		if err != nil {
			return fmt.Errorf("user %q is not UID[:GID] in numbers", o.User)
		}
		u.UID = uint32(n)
		if hasGid {
			if n, err = strconv.ParseUint(gid, 10, 32); err != nil {
				return fmt.Errorf("user %q is not UID[:GID] in numbers", o.User)
			}
			u.GID = uint32(n)
		}
	}
	for _, gid := range o.AdditionalGids {
		if gid < 0 || gid >= 1<<32 {
			return fmt.Errorf("additional group %d is not a group id", gid)
		}
		u.AdditionalGids = append(u.AdditionalGids, uint32(gid))
	}
	return nil
}

// subCgroups reads ExecOptions.Cgroups into a path for each controller; on v2
// the one controller is "".
func subCgroups(args []string) (map[string]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	paths := map[string]string{}
	for _, arg := range args {
		controllers, path, named := strings.Cut(arg, ":")
		if !named {
			if len(args) > 1 {
				return nil, fmt.Errorf("of several cgroups %q names no controller (CONTROLLER:PATH)", arg)
			}
			return map[string]string{"": arg}, nil
		}
		for c := range strings.SplitSeq(controllers, ",") {
			if c == "" {
				return nil, fmt.Errorf("cgroup %q has an empty controller name", arg)
			}
			if cgroups.IsCgroup2UnifiedMode() {
				// Libcontainer would pass it over.
				return nil, fmt.Errorf("cgroup %q names a controller, of which cgroup v2 knows none: give the path alone", arg)
			}
			if _, twice := paths[c]; twice {
				return nil, fmt.Errorf("cgroup %q names controller %s a second time", arg, c)
			}
			paths[c] = path
		}
	}
	return paths, nil
}

// bundleOf is the folder that a container was created from.
func bundleOf(c *libcontainer.Container) string {
	dir, _ := utils.Annotations(c.Config().Labels)
	return dir
}
