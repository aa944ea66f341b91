package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const cgroupMount = "/sys/fs/cgroup"

// cgroups checks the hierarchy and its controllers.
func (h *Host) cgroups() []Check {
	version := h.Spec.CgroupVersion(h.Cgroup)
	var found []Check
	if version == 2 {
		found = one("cgroup", OK, "version 2 at "+h.Cgroup, "")
	} else {
		found = one("cgroup", Warning, "version 1: memory.soft does not slow, memory.low and oom_group do nothing, writes are limited past the page cache alone",
			"boot with systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all")
	}
	has, err := h.Spec.Controllers(h.Cgroup)
	if err != nil {
		return append(found, Check{"controllers", Fault, err.Error(), "resource_isolation.cgroup.root_path"})
	}
	var lacks []string
	status := OK
	for _, c := range []string{"cpu", "cpuset", "io", "memory", "pids"} {
		if !slices.Contains(has, c) {
			lacks = append(lacks, c)
			status = Fault
		}
	}
	if slices.Equal(lacks, []string{"cpuset"}) || slices.Equal(lacks, []string{"io"}) {
		status = Warning // few services are limited there
	}
	c := Check{"controllers", status, strings.Join(has, ", "), ""}
	if lacks != nil {
		c.Found += "; missing: " + strings.Join(lacks, ", ")
		c.Advice = "mount them"
		if version == 2 {
			c.Advice = fmt.Sprintf("echo +%s >%s/cgroup.subtree_control", strings.Join(lacks, " +"), filepath.Dir(h.Cgroup))
			if h.Cgroup == cgroupMount {
				c.Advice = "boot without cgroup_disable, and without cgroup v1 hierarchies that hold them"
			}
		}
	}
	return append(found, c)
}

// ours is the folder that the services' cgroups lie in, in the hierarchy of the
// memory controller.
func (h *Host) ours() string {
	if h.Spec.CgroupVersion(h.Cgroup) == 2 {
		return filepath.Join(h.Cgroup, "blackhole")
	}
	own := ""
	for line := range strings.Lines(h.read("/proc/self/cgroup")) {
		if fields := strings.SplitN(strings.TrimSpace(line), ":", 3); len(fields) == 3 && slices.Contains(strings.Split(fields[1], ","), "pids") {
			own = fields[2]
		}
	}
	return filepath.Join(cgroupMount, "pids", own, "blackhole")
}

// managers finds who else is in the services' cgroups.
func (h *Host) managers() []Check {
	var beside []string
	if h.read("/proc/1/comm") == "systemd" {
		beside = append(beside, "systemd")
	}
	parent := filepath.Dir(h.ours())
	for _, engine := range []string{"docker", "kubepods", "kubepods.slice", "libpod_parent", "machine.slice", "lxc.payload"} {
		if _, err := os.Stat(h.at(filepath.Join(parent, engine))); err == nil {
			beside = append(beside, engine)
		}
	}
	name := "other managers"
	if h.Spec.CgroupVersion(h.Cgroup) == 2 && len(h.processes(h.ours())) > 0 {
		// cgroup-v2.rst, "No Internal Process Constraint".
		return one(name, Fault, fmt.Sprintf("processes %s are in %s itself: no service can get controllers below it", strings.Join(h.processes(h.ours()), ", "), h.ours()),
			"move them elsewhere")
	}
	entries, _ := os.ReadDir(h.at(h.ours())) // not there before the first service
	var strange []string
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(h.Known, e.Name()) && len(h.processes(filepath.Join(h.ours(), e.Name()))) > 0 {
			strange = append(strange, e.Name())
		}
	}
	switch {
	case strange != nil:
		return one(name, Warning, fmt.Sprintf("in %s run containers that %s does not know: %s", h.ours(), h.State, join(strange)),
			"of another --root, or left behind: blackhole gc")
	case beside != nil:
		return one(name, OK, "beside blackhole's folder: "+join(beside), "")
	}
	return one(name, OK, "none", "")
}

// processes of a cgroup itself.
func (h *Host) processes(dir string) []string {
	return strings.Fields(h.read(filepath.Join(dir, "cgroup.procs")))
}
