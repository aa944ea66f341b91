package supervisor

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"blackhole/runtime"
	"blackhole/runtime/stats"
)

// A service that takes memory as fast as it can goes from memory_critical to its
// limit in a few milliseconds, faster than anybody can react. So on cgroup v2 the
// supervisor gives each service a memory.high at memory_critical: there the
// kernel slows down whoever takes more (the further above, the longer it sleeps;
// up to two seconds at a time) and tells the supervisor, which has the time to end
// the service in good order. See memory.high in
// Documentation/admin-guide/cgroup-v2.rst. On v1 there is nothing of the kind.

const highFile = "memory.high"

// guardOf is the guard of a limit in bytes, in whole pages; 0 is none.
func guardOf(limit uint64, critical float64) uint64 {
	if critical >= 1 || limit == 0 || limit >= noLimit {
		return 0
	}
	page := uint64(os.Getpagesize())
	return uint64(math.Round(float64(limit)*critical)) / page * page
}

// guard adds the guard to a service's configuration, unless its own soft limit
// is below it. Configurations for cgroup v1 have no unified part.
func guard(config *specs.Spec, critical float64) {
	if config == nil || config.Linux == nil || config.Linux.Resources == nil {
		return
	}
	r := config.Linux.Resources
	if r.Unified == nil || r.Memory == nil || r.Memory.Limit == nil || *r.Memory.Limit <= 0 {
		return
	}
	at := guardOf(uint64(*r.Memory.Limit), critical)
	if soft, err := strconv.ParseUint(r.Unified[highFile], 10, 64); at == 0 || err == nil && soft <= at {
		return
	}
	r.Unified[highFile] = strconv.FormatUint(at, 10)
}

// follow keeps the guard where it belongs when the limit changes while the
// service runs. One that somebody else has set since is theirs.
func (s *Supervisor) follow(sv *service, m *stats.Memory) {
	u := sv.usage
	if m == nil || m.Soft == nil {
		return
	}
	at := uint64(0)
	if m.Limit != nil {
		at = guardOf(*m.Limit, float64(*s.monitor.MemoryCritical))
	}
	switch *m.Soft {
	case at:
		u.guard = at
		return
	case u.guard: // of another limit
	default:
		u.guard = 0
		return
	}
	high := "max"
	if at != 0 {
		high = strconv.FormatUint(at, 10)
	}
	u.guard = at
	s.setHigh(sv, high, "move")
}

func (s *Supervisor) setHigh(sv *service, high, what string) {
	name := sv.name
	s.work.Go(func() {
		err := s.o.Runtime.Update(name, runtime.Update{Resources: specs.LinuxResources{Unified: map[string]string{highFile: high}}})
		if err != nil && !runtime.NotRunning(err) {
			s.post(func() { s.warn(sv, fmt.Errorf("cannot %s its %s: %w", what, highFile, err)) })
		}
	})
}

// unguardLater takes the guard away from a service that is still there a while
// after its stop signal. Until then it holds the threads that go on taking memory
// off the one that ends them all. But it also has the kernel drop the pages of the
// program itself, and where reading them again is slow the program never comes to
// handle the signal: better that it ends, or is killed at its limit, than that it
// is killed when its time is over.
func (s *Supervisor) unguardLater(sv *service) {
	run := sv.run
	time.AfterFunc(min(sv.policy.stopTimeout/2, longestGuard), func() {
		s.post(func() {
			if sv.state == Stopping && s.awaits(sv, run) && sv.usage != nil && sv.usage.guard != 0 {
				sv.usage.guard = 0
				s.setHigh(sv, "max", "lift")
			}
		})
	})
}

// longestGuard is many times what the threads of a program at its memory.high
// need to end it on a host that is not starved itself.
const longestGuard = 5 * time.Second

// held: the kernel slows the service down at the guard, and finds hardly
// anything more to drop. Without this, what it cannot drop of file pages would
// keep a service just below memory_critical, slowed down for ever.
func (u *usage) held(m *stats.Memory, used uint64) bool {
	if u.guard == 0 || m.Limit == nil || m.Current == nil || m.Events == nil || m.Events.High == nil {
		return false
	}
	seen := u.highs
	u.highs = *m.Events.High
	return u.highs > seen && *m.Current >= u.guard/100*99 && *m.Current-min(used, *m.Current) < *m.Limit/50
}
