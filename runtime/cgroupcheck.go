package runtime

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// What is deleted, or killed in a pid namespace that is shared, is all that lives
// in the cgroups which state.json or the record name, and below them. One wrong
// path in a damaged file would be the end of the host. So each path is held
// against the cgroup's name, which stands in the same file, against the other
// file, and against what is mounted there.

// checkCgroups refuses paths that do not end with the cgroup's own name.
func checkCgroups(cg *cgroups.Cgroup, paths map[string]string) error {
	end := ""
	for controller, path := range paths {
		if path == "" {
			continue // of a hierarchy that it is not in
		}
		if end == "" {
			if end = cgroupName(cg); end == "" {
				return fmt.Errorf("its cgroup has no name, and is said to be %s", path)
			}
		}
		if !filepath.IsAbs(path) || filepath.Clean(path) != path || !strings.HasSuffix(path, end) {
			return fmt.Errorf("cgroup %q of %s is not one that ends with %s", path, controllerName(controller), end)
		}
	}
	return nil
}

func controllerName(controller string) string {
	if controller == "" {
		return "cgroup v2"
	}
	return "controller " + controller
}

// cgroupName is the end of a cgroup's paths, with a slash before it; empty for
// the root. Libcontainer makes the paths so: internal/path of its cgroups
// module, and getUnitName of its package systemd.
func cgroupName(cg *cgroups.Cgroup) string {
	if cg == nil {
		return ""
	}
	inner := cg.Path
	switch {
	case cg.Systemd && strings.HasSuffix(cg.Name, ".slice"):
		inner = cg.Name
	case cg.Systemd:
		inner = cg.ScopePrefix + "-" + cg.Name + ".scope"
	case inner == "":
		inner = filepath.Join("/", cg.Parent, filepath.Join("/", cg.Name))
	}
	if inner = filepath.Join("/", inner); inner == "/" {
		return ""
	}
	return inner
}

// checkMounted refuses paths where no cgroup is, or a whole hierarchy. One that is
// gone does no harm.
func checkMounted(paths map[string]string) error {
	for controller, path := range paths {
		var at, above unix.Statfs_t
		if path == "" || unix.Statfs(path, &at) != nil {
			continue
		}
		kind := []int64{unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC}
		if !slices.Contains(kind, int64(at.Type)) {
			return fmt.Errorf("%s, its cgroup of %s, is no cgroup", path, controllerName(controller))
		}
		if err := unix.Statfs(filepath.Dir(path), &above); err != nil || above.Type != at.Type {
			return fmt.Errorf("%s, its cgroup of %s, is the whole hierarchy", path, controllerName(controller))
		}
	}
	return nil
}

// check refuses a record by which something else would be removed than what was
// made.
func (rec *record) check() error {
	if rec.damaged != nil {
		return rec.damaged
	}
	err := checkCgroups(rec.Cgroup, rec.CgroupPaths)
	if err == nil {
		err = checkMounted(rec.CgroupPaths)
	}
	for _, parent := range rec.NewParents {
		if err == nil && !isAbove(parent, rec.CgroupPaths) {
			err = fmt.Errorf("%q is not above one of its cgroups", parent)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot use %s: %w", rec.path, err)
	}
	return nil
}

func isAbove(dir string, paths map[string]string) bool {
	for _, path := range paths {
		if filepath.IsAbs(dir) && filepath.Clean(dir) == dir && strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// checkDelete refuses to remove a container by a state.json that contradicts its
// record, which the creation wrote before.
func (r *Runtime) checkDelete(c *libcontainer.Container, rec *record) error {
	state, err := c.State()
	if err != nil {
		return err
	}
	if rec != nil && rec.damaged == nil && rec.Cgroup != nil {
		for controller, path := range state.CgroupPaths {
			if recorded := rec.CgroupPaths[controller]; path != recorded {
				err = fmt.Errorf("its cgroup of %s is %q by %s and %q by %s", controllerName(controller),
					path, filepath.Join(r.Root, c.ID(), stateFile), recorded, rec.path)
			}
		}
	}
	if err != nil {
		return err
	}
	if rec != nil && rec.damaged != nil {
		r.warn(fmt.Errorf("poststop hooks of container %q, if it has any, are not run: %w", c.ID(), rec.damaged))
	}
	return checkMounted(state.CgroupPaths)
}
