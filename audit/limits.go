package audit

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// limits checks what keeps the container from taking the host down.
func (a *auditor) limits() {
	r := a.linux.Resources
	if r == nil {
		r = &specs.LinuxResources{}
	}
	unified := func(file string) bool {
		v := r.Unified[file]
		return v != "" && v != "max" && !strings.HasPrefix(v, "max ")
	}
	positive := func(n *int64) bool { return n != nil && *n > 0 }
	cpu, memory, block := r.CPU, r.Memory, r.BlockIO
	for _, limit := range []struct {
		name         string
		weight       float64
		set          bool
		service, oci string
		unset        string
	}{
		{"memory", 0.2, memory != nil && positive(memory.Limit) || unified("memory.max"),
			"resources.memory.limit", "linux.resources.memory.limit", "may take all memory of the host"},
		{"processes", 0.2, r.Pids != nil && positive(r.Pids.Limit) || unified("pids.max"),
			"resources.pids.limit", "linux.resources.pids.limit", "may start processes until the host has no more"},
		{"CPU", 0.1, cpu != nil && (positive(cpu.Quota) || cpu.Cpus != "") || unified("cpu.max"),
			"resources.cpu.quota", "linux.resources.cpu.quota", "may take every CPU of the host"},
		{"disk", 0.05, block != nil && len(block.ThrottleReadBpsDevice)+len(block.ThrottleWriteBpsDevice)+
			len(block.ThrottleReadIOPSDevice)+len(block.ThrottleWriteIOPSDevice) > 0 || unified("io.max"),
			"resources.io", "linux.resources.blockIO", "may take all of the disks' bandwidth"},
		{"descriptors", 0.05, a.rlimit("RLIMIT_NOFILE") != nil, "resources.fds", "process.rlimits", "has as many descriptors as its runtime"},
	} {
		c := Check{Name: "limit: " + limit.name, Weight: limit.weight, Service: limit.service, OCI: limit.oci, Found: "there is one"}
		part := 0.0
		if !limit.set {
			part = 1
			c.Found, c.Advice = limit.unset, "a limit"
		}
		a.add(part, c)
	}
	core := Check{Name: "core dumps", Weight: 0.05, Service: "resources.rlimits.core", OCI: "process.rlimits", Found: "none: its memory stays its own"}
	part := 0.0
	if l := a.rlimit("RLIMIT_CORE"); l == nil || l.Soft > 0 {
		part = 1
		core.Found, core.Advice = "its memory may be written to disk when it crashes", "0"
	}
	a.add(part, core)

	var unbounded []string
	for _, m := range a.config.Mounts {
		sized := false
		for _, o := range m.Options {
			sized = sized || strings.HasPrefix(o, "size=") || o == "ro"
		}
		if m.Type == "tmpfs" && !sized {
			unbounded = append(unbounded, m.Destination)
		}
	}
	a.list(unbounded, Check{Name: "file systems in memory", Weight: 0.05, OCI: "mounts",
		Found: "each has a size", Advice: "size=…"}, "half the host's memory fits into ")
}

func (a *auditor) rlimit(kind string) *specs.POSIXRlimit {
	for i, l := range a.process.Rlimits {
		if l.Type == kind {
			return &a.process.Rlimits[i]
		}
	}
	return nil
}
