package supervisor

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/runtime/stats"
)

func TestGuard(t *testing.T) {
	limit := func(n int64) *specs.LinuxMemory { return &specs.LinuxMemory{Limit: &n} }
	for name, row := range map[string]struct {
		memory   *specs.LinuxMemory
		unified  map[string]string
		critical float64
		want     string
	}{
		"at memory_critical": {limit(100 << 20), map[string]string{}, 0.95, "99614720"}, // in whole pages
		"a soft limit above": {limit(100 << 20), map[string]string{highFile: "100000000"}, 0.95, "99614720"},
		"a soft limit below": {limit(100 << 20), map[string]string{highFile: "52428800"}, 0.95, "52428800"},
		"soft says none":     {limit(100 << 20), map[string]string{highFile: "max"}, 0.95, "99614720"},
		"left to the kernel": {limit(100 << 20), map[string]string{}, 1, ""},
		"no limit":           {nil, map[string]string{}, 0.95, ""},
		"unlimited":          {limit(-1), map[string]string{}, 0.95, ""},
		"v1":                 {limit(100 << 20), nil, 0.95, ""},
	} {
		config := &specs.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{Memory: row.memory, Unified: row.unified}}}
		guard(config, row.critical)
		if got := config.Linux.Resources.Unified[highFile]; got != row.want {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
	guard(nil, 0.95)
	guard(&specs.Spec{}, 0.95)
}

func TestHeld(t *testing.T) {
	n := func(v uint64) *uint64 { return &v }
	const limit = 100 << 20
	at := guardOf(limit, 0.95)
	for name, row := range map[string]struct {
		guard, current, used, highs uint64
		want                        bool
	}{
		"slowed down, nothing to drop":  {at, at, at - limit/100, 5, true},
		"slowed down, much to drop":     {at, at, at - limit/10, 5, false},
		"not slowed down since":         {at, at, at, 4, false},
		"below the guard":               {at, at - limit/10, at - limit/10, 5, false},
		"another's soft limit is there": {0, at, at, 5, false},
	} {
		u := usage{guard: row.guard, highs: 4}
		m := &stats.Memory{Current: n(row.current), Limit: n(limit), Events: &stats.MemoryEvents{High: n(row.highs)}}
		if got := u.held(m, row.used); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
