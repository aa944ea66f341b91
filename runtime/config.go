package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/specconv"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/selinux/go-selinux"
)

// bundleLabel is the key under which libcontainer keeps the bundle's path
// among the annotations.
const bundleLabel = "bundle="

// config translates a bundle into libcontainer's own configuration.
//
// Libcontainer takes the working directory to be the bundle. That would make
// every caller change directory, which a process with several containers
// cannot do, so all that is relative is made absolute first, and the label
// that names the bundle is corrected afterwards.
func (r *Runtime) config(o *CreateOptions, spec *specs.Spec) (*configs.Config, error) {
	if err := checkTimeOffsets(spec.Linux.TimeOffsets); err != nil {
		return nil, err
	}
	s := *spec
	root := *s.Root
	root.Path = under(o.Bundle, root.Path)
	s.Root = &root
	s.Mounts = slices.Clone(s.Mounts)
	for i, m := range s.Mounts {
		if m.Source != "" && isBind(m) {
			s.Mounts[i].Source = under(o.Bundle, m.Source)
		}
	}
	config, err := specconv.CreateLibcontainerConfig(&specconv.CreateOpts{
		CgroupName:       o.ID,
		UseSystemdCgroup: r.SystemdCgroup,
		NoPivotRoot:      o.NoPivot,
		NoNewKeyring:     o.NoNewKeyring,
		Spec:             &s,
		RootlessEUID:     os.Geteuid() != 0,
		RootlessCgroups:  r.rootlessCgroups(),
	})
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 && !config.Namespaces.Contains(configs.NEWUSER) {
		return nil, errors.New("config.json: linux.namespaces has no user namespace, without which only root can make a container")
	}
	// Last in the list, so that it also wins over an annotation "bundle".
	config.Labels = append(slices.DeleteFunc(config.Labels, func(l string) bool {
		return strings.HasPrefix(l, bundleLabel)
	}), bundleLabel+o.Bundle)
	return config, nil
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func isBind(m specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// checkHost refuses what this host cannot do and libcontainer would find out
// too late.
func checkHost(p *specs.Process) error {
	if p.SelinuxLabel != "" && !selinux.GetEnabled() {
		return fmt.Errorf("process.selinuxLabel %q on a host without SELinux", p.SelinuxLabel)
	}
	return nil
}

// checkTimeOffsets knows the clocks of time_namespaces(7); of others the kernel
// says no more than EINVAL, and that in the middle of the creation.
func checkTimeOffsets(offsets map[string]specs.LinuxTimeOffset) error {
	for clock := range offsets {
		if clock != "monotonic" && clock != "boottime" {
			return fmt.Errorf("config.json: linux.timeOffsets: unknown clock %q: it is monotonic or boottime", clock)
		}
	}
	return nil
}
