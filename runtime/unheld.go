package runtime

import (
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// unheld lists the keys of linux.resources that ask for a limit of which cgroup
// v2 knows nothing: libcontainer passes over them. It is empty on v1.
func unheld(r *specs.LinuxResources) []string {
	if r == nil || !cgroups.IsCgroup2UnifiedMode() {
		return nil
	}
	var keys []string
	for _, key := range []struct {
		name string
		set  bool
	}{
		{"cpu.realtimePeriod", r.CPU != nil && nonZero(r.CPU.RealtimePeriod)},
		{"cpu.realtimeRuntime", r.CPU != nil && nonZero(r.CPU.RealtimeRuntime)},
		{"memory.swappiness", r.Memory != nil && r.Memory.Swappiness != nil},
		{"memory.disableOOMKiller", r.Memory != nil && nonZero(r.Memory.DisableOOMKiller)},
		{"blockIO.leafWeight", r.BlockIO != nil && nonZero(r.BlockIO.LeafWeight)},
		{"network.classID", r.Network != nil && nonZero(r.Network.ClassID)},
		{"network.priorities", r.Network != nil && len(r.Network.Priorities) > 0},
	} {
		if key.set {
			keys = append(keys, key.name)
		}
	}
	return keys
}

func nonZero[T comparable](v *T) bool {
	var zero T
	return v != nil && *v != zero
}

// noSuchLimit says so of keys that unheld found.
func noSuchLimit(keys []string) string {
	return "cgroup v2 has no limit for " + strings.Join(keys, ", ")
}
