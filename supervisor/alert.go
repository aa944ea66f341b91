package supervisor

import (
	"fmt"
	"time"

	"blackhole/runtime/stats"
	"blackhole/supervisor/metrics"
)

// Alert is something wrong with a service, from its beginning to its end.
type Alert struct {
	// Kind is one of the constants below; a limit's name is before "_near_limit".
	Kind string `json:"kind"`
	// Severity is alert (somebody should look), warning or info (recorded).
	Severity string `json:"severity"`
	// Status is firing or resolved.
	Status string    `json:"status"`
	Since  time.Time `json:"since"`
	// Value and Limit are what was seen and what is allowed, in Unit; absent
	// where there is no such thing.
	Value float64 `json:"value,omitempty"`
	Limit float64 `json:"limit,omitempty"`
	// Unit is bytes, cores, seconds, percent, processes, descriptors, kills, bytes/s or operations/s.
	Unit string `json:"unit,omitempty"`
	// Cgroup is the one whose limit an out-of-memory kill comes from; empty: the
	// host as a whole.
	Cgroup string `json:"cgroup,omitempty"`

	message string
	until   time.Time // when it ends by itself; zero: when its cause does
}

// The kinds of alerts.
const (
	MemoryCritical = "memory_critical" // about to be killed for want of memory; restarted
	OOMKill        = "oom_kill"        // the kernel killed a process
	CPUThrottled   = "cpu_throttled"   // held back by its CPU quota for long
	IOPressure     = "io_pressure"     // waits for disks
	FDsNearLimit   = "fds_exhaustion"  // hardly any descriptor left
	NotHealthy     = "unhealthy"       // its health check fails
	GaveUp         = "failed"          // is not started again
	nearLimit      = "_near_limit"     // behind what is in nearLimits
)

// nearLimits are what a warning comes for when its use is near the limit.
var nearLimits = []string{"memory", "swap", "pids", "fds", "cpu", "io", "network"}

// alertKinds lists all kinds with their severities.
func alertKinds() []metrics.AlertKind {
	kinds := []metrics.AlertKind{{Kind: IOPressure, Severity: severityInfo}}
	for _, kind := range []string{MemoryCritical, OOMKill, CPUThrottled, FDsNearLimit, NotHealthy, GaveUp} {
		kinds = append(kinds, metrics.AlertKind{Kind: kind, Severity: severityAlert})
	}
	for _, what := range nearLimits {
		kinds = append(kinds, metrics.AlertKind{Kind: what + nearLimit, Severity: severityWarning})
	}
	return kinds
}

const (
	severityAlert   = "alert"
	severityWarning = "warning"
	severityInfo    = "info"
	firing          = "firing"
	resolved        = "resolved"
)

// outlives: it goes on when the service's program has ended.
func (a *Alert) outlives() bool {
	return a.Kind == OOMKill || a.Kind == GaveUp || a.Kind == NotHealthy || a.Kind == MemoryCritical
}

func (a *Alert) resolved(how string) *Alert {
	end := *a
	end.Status, end.message = resolved, a.Kind+" is over: "+how
	return &end
}

// oomQuiet is how long after the last kill an oom_kill alert is over.
const oomQuiet = time.Minute

// raise takes an alert that begins or ends. One that fires already is not
// raised again, and one that does not cannot end. The counters count each time.
func (s *Supervisor) raise(sv *service, a *Alert) {
	old := sv.firing[a.Kind]
	switch {
	case a.Status == firing && old != nil:
		old.until = a.until // goes on
		return
	case a.Status == resolved && old == nil:
		return
	case a.Status == firing:
		a.Since = time.Now()
		sv.firing[a.Kind] = a
		sv.raised[a.Kind]++
	default:
		a.Since = old.Since
		a.Severity = old.Severity
		delete(sv.firing, a.Kind)
	}
	e := Event{Type: "alert", Service: sv.name, Message: a.Severity + ": " + a.message, Alert: a}
	s.tell(e)
	if a.Severity != severityInfo {
		s.notifier.send(s.monitor.OnAlert, e)
	}
}

// endAlerts ends the alerts that end by themselves.
func (s *Supervisor) endAlerts(now time.Time) {
	for _, sv := range s.services {
		for _, a := range sv.firing {
			if !a.until.IsZero() && now.After(a.until) {
				s.raise(sv, a.resolved("nothing more happened"))
			}
		}
	}
}

func oomAlert(sv *service, kills uint64, cgroup string) *Alert {
	where := "the host as a whole was out of memory"
	if cgroup != "" {
		where = "the limit of cgroup " + cgroup + " was hit"
	}
	a := &Alert{
		Kind: OOMKill, Severity: severityAlert, Status: firing, Value: float64(kills), Unit: "kills", Cgroup: cgroup,
		message: fmt.Sprintf("the kernel killed a process of %s for want of memory: %s", sv.name, where),
		until:   time.Now().Add(oomQuiet),
	}
	if limit := sv.spec.Resources.Memory.Limit; limit != nil {
		a.Limit = float64(*limit)
	}
	return a
}

// unhealthyAlert begins with a reason and ends without one.
func unhealthyAlert(_ *service, reason string) *Alert {
	if reason == "" {
		return &Alert{Kind: NotHealthy, Status: resolved, message: "its health check succeeds again"}
	}
	return &Alert{Kind: NotHealthy, Severity: severityAlert, Status: firing, message: reason}
}

// alertOfState raises what a service's new state means.
func (s *Supervisor) alertOfState(sv *service) {
	switch sv.state {
	case Failed:
		s.raise(sv, &Alert{Kind: GaveUp, Severity: severityAlert, Status: firing, message: sv.reason})
	case Starting, Running, Stopped:
		s.raise(sv, &Alert{Kind: GaveUp, Status: resolved, message: "it is " + string(sv.state) + " again"})
	}
	switch sv.state {
	case Running, Stopped, Failed:
		if a := sv.firing[MemoryCritical]; a != nil {
			s.raise(sv, a.resolved("the service was restarted"))
		}
		s.raise(sv, &Alert{Kind: NotHealthy, Status: resolved, message: "it is " + string(sv.state)})
	}
}

// working is the memory that the kernel cannot simply drop: without file pages,
// of which a service that reads much always has as many as fit. Those of a tmpfs
// and of shared memory count as file pages too, and have no file to go back to.
func working(m *stats.Memory) (uint64, bool) {
	if m == nil || m.Current == nil {
		return 0, false
	}
	if m.Cache == nil {
		return *m.Current, true
	}
	cache := *m.Cache
	if m.Shmem != nil {
		cache -= min(cache, *m.Shmem)
	}
	if cache > *m.Current {
		return *m.Current, true
	}
	w := *m.Current - cache
	if m.RSS != nil {
		w = max(w, *m.RSS)
	}
	return w, true
}
