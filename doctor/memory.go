package doctor

import (
	"fmt"
	"strings"

	"blackhole/runtime/stats"
	"blackhole/spec"
)

// near is the part of a limit from which a service counts as out of it.
const near = 0.9

// memory finds kills for want of memory, restarts that prevented one, slowing
// at the soft limit, and a limit that is nearly reached.
func (d *diagnosis) memory() {
	var m stats.Memory
	if d.After != nil && d.After.Memory != nil {
		m = *d.After.Memory
	}
	// An alert is of one kill or more of one life; the cgroup counts those of this.
	kills, last := d.count(day, func(e *Event) bool { return e.Alert == "oom_kill" })
	atLeast := "at least "
	if kills == 0 && d.Exit != nil && d.Exit.OOM {
		kills = 1
	}
	if m.Events != nil && m.Events.OOMKill != nil && int(*m.Events.OOMKill) >= kills {
		kills, atLeast = int(*m.Events.OOMKill), ""
	}
	spared, lastSpared := d.count(day, func(e *Event) bool { return e.Alert == "memory_critical" })
	limit, figures := d.memoryFigures(&m)
	switch {
	case kills > 0:
		t := Trouble{Kind: OutOfMemory, Figures: figures, Message: fmt.Sprintf("the kernel killed it or a process of it %s%s for want of memory%s%s", atLeast, times(kills), d.ago(last), limit)}
		t.Figures["kills"] = float64(kills)
		if cgroup := d.oomCgroup(); cgroup != "" {
			t.Message += ": it was the limit of " + cgroup
			t.Advice = "give that cgroup more, or the services in it less; blackhole plan adds up"
			d.tell(t)
			return
		}
		t.Advice = "raise it, or find out what the program keeps in memory"
		d.tell(t, "resources.memory.limit")
		return
	case spared > 0:
		t := Trouble{Kind: OutOfMemory, Figures: figures, Advice: "raise it, or find out what the program keeps in memory",
			Message: fmt.Sprintf("it was restarted %s before the kernel would have killed it for want of memory%s%s", times(spared), d.ago(lastSpared), limit)}
		t.Figures["restarts"] = float64(spared)
		d.tell(t, "resources.memory.limit")
		return
	}
	if d.slowed(&m) {
		return
	}
	if used := workingSet(&m); m.Limit != nil && *m.Limit > 0 && float64(used) >= near*float64(*m.Limit) {
		d.tell(Trouble{Kind: MemoryNear, Figures: map[string]float64{"used_bytes": float64(used), "limit_bytes": float64(*m.Limit)},
			Message: fmt.Sprintf("it uses %s of %s memory, files that can be dropped not counted", size(used), size(*m.Limit)),
			Advice:  "raise it before the kernel kills"}, "resources.memory.limit")
	}
}

// memoryFigures are the limit and the peak, as far as they are known.
func (d *diagnosis) memoryFigures(m *stats.Memory) (words string, figures map[string]float64) {
	figures = map[string]float64{}
	limit := m.Limit
	if l := d.service.Resources.Memory.Limit; limit == nil && l != nil {
		n := uint64(*l)
		limit = &n
	}
	if limit != nil {
		words += "; limit " + size(*limit)
		figures["limit_bytes"] = float64(*limit)
	}
	if m.Peak != nil {
		words += ", peak " + size(*m.Peak)
		figures["peak_bytes"] = float64(*m.Peak)
	}
	return words, figures
}

// oomCgroup is the cgroup whose limit the last kill came from, if it is not the
// service's own.
func (d *diagnosis) oomCgroup() string {
	cgroup := ""
	for _, e := range d.Events {
		if e.Alert == "oom_kill" {
			cgroup = e.Cgroup
			if cgroup == "" {
				cgroup = "the host as a whole"
			}
		}
	}
	if strings.HasSuffix(cgroup, "/"+d.Name) {
		return ""
	}
	return cgroup
}

// slowed: above memory.high the kernel makes a service reclaim and wait.
func (d *diagnosis) slowed(m *stats.Memory) bool {
	high, _ := d.rise(func(s *stats.Stats) *uint64 {
		if s.Memory == nil || s.Memory.Events == nil {
			return nil
		}
		return s.Memory.Events.High
	})
	if high == 0 || m.Soft == nil || m.Current == nil {
		return false
	}
	d.tell(Trouble{Kind: MemorySlowed, Figures: map[string]float64{"used_bytes": float64(*m.Current), "soft_bytes": float64(*m.Soft), "high_events": float64(high), "pressure_percent": stalled(m.Pressure)},
		Message: fmt.Sprintf("it is held back at its soft memory limit: %s used of %s, over it %s in %s; it waited for memory during %.0f %% of the last ten seconds",
			size(*m.Current), size(*m.Soft), times(high), d.Between, stalled(m.Pressure)),
		Advice: "raise it towards memory.limit"}, "resources.memory.soft")
	return true
}

// workingSet is memory without the file pages that the kernel can drop.
func workingSet(m *stats.Memory) uint64 {
	switch {
	case m.Current == nil:
		return 0
	case m.Cache == nil || *m.Cache > *m.Current:
		return *m.Current
	}
	return *m.Current - *m.Cache
}

// size writes bytes as the configuration does, rounded.
func size(n uint64) string {
	v, units := float64(n), []string{"", "K", "M", "G", "T"}
	i := 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	if exact := spec.Size(n).String(); len(exact) <= 5 {
		return exact
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + units[i]
}
