package runtime

import (
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
