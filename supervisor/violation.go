package supervisor

import (
	"fmt"
	"time"

	"blackhole/runtime/stats"
)

// calm is the part of a threshold below which use must fall for the alert to end,
// so that what swings around it does not alert each time.
const calm = 0.95

// ioStalled is the share of ten seconds, in percent, during which some task must
// have waited for disks for it to be recorded as pressure.
const ioStalled = 20.0

// sampled looks at a new sample of a service.
func (s *Supervisor) sampled(sv *service, st *stats.Stats, levels []oomLevel, at time.Time) {
	u := sv.usage
	if at.Before(u.at) {
		return // one that was asked for meanwhile is newer
	}
	killed := s.checkOOM(sv, st, levels)
	// A rate needs some time between its ends; the kernel may ask for samples more often.
	if at.Sub(u.at) >= sampleGap {
		u.before, u.beforeAt, u.now, u.at = u.now, u.at, st, at
		s.recordUse(sv)
		s.checkThrottling(sv)
		s.checkCPU(sv)
		s.checkDisks(sv)
	} else {
		u.now = st
	}
	s.checkMemory(sv, st.Memory, killed)
	s.checkRest(sv, st)
	s.checkIO(sv, st.IO)
}

// checkMemory: a memory_critical of 1 leaves the matter to the kernel, and so does
// a kill that has just been: the service has what it needs, or ends.
func (s *Supervisor) checkMemory(sv *service, m *stats.Memory, killed bool) {
	used, ok := working(m)
	if !ok {
		return
	}
	s.follow(sv, m)
	held := sv.usage.held(m, used)
	if m.Limit != nil && *m.Limit > 0 && *m.Limit < noLimit {
		limit, critical := *m.Limit, float64(*s.monitor.MemoryCritical)
		s.checkPart(sv, "memory", "bytes", float64(used), float64(limit))
		// V2 tells of no threshold between memory.high and the limit; so one that
		// is near it and grows is looked at again soon. On v1 that would put off the look
		// for which the kernel calls at the threshold.
		if grew := used > sv.usage.memory+limit/200; grew && m.Events != nil && m.Events.High != nil && float64(used) >= float64(limit)*float64(*s.monitor.AlertAt) {
			s.sampleSoon(sv.name)
		}
		sv.usage.memory = used
		if part := float64(used) / float64(limit); (part >= critical || held) && critical < 1 && !killed && sv.alive && sv.state != Stopping {
			reason := fmt.Sprintf("memory critical: %s of %s used", size(used), size(limit))
			s.raise(sv, &Alert{
				Kind: MemoryCritical, Severity: severityAlert, Status: firing,
				Value: float64(used), Limit: float64(limit), Unit: "bytes",
				message: reason + "; restarting it before the kernel kills it",
			})
			s.event(sv, func() action { return sv.violation(time.Now(), reason) })
		}
	}
	if m.Swap != nil && m.SwapLimit != nil {
		s.checkPart(sv, "swap", "bytes", float64(*m.Swap), float64(*m.SwapLimit))
	}
}

// noLimit is where cgroup v1 has its "no limit": the largest number of pages.
const noLimit = 1 << 62

func (s *Supervisor) checkRest(sv *service, st *stats.Stats) {
	if p := st.Pids; p != nil && p.Current != nil && p.Limit != nil {
		s.checkPart(sv, "pids", "processes", float64(*p.Current), float64(*p.Limit))
	}
	f := st.FDs
	if f == nil || f.Limit == nil || *f.Limit == 0 {
		return
	}
	s.checkPart(sv, "fds", "descriptors", float64(f.Open), float64(*f.Limit))
	if s.calmly(sv, FDsNearLimit, float64(f.Open)/float64(*f.Limit), float64(*s.monitor.FDsAt)) {
		return
	}
	s.compare(sv, float64(*s.monitor.FDsAt), &Alert{
		Kind: FDsNearLimit, Severity: severityAlert, Value: float64(f.Open), Limit: float64(*f.Limit), Unit: "descriptors",
		message: fmt.Sprintf("process %d has %d of %d descriptors open", f.PID, f.Open, *f.Limit),
	})
}

// checkPart warns where a part of a limit is used that is worth a warning.
func (s *Supervisor) checkPart(sv *service, what, unit string, used, limit float64) {
	if limit <= 0 || s.calmly(sv, what+nearLimit, used/limit, float64(*s.monitor.AlertAt)) {
		return
	}
	amount := fmt.Sprintf("%.0f of %.0f %s", used, limit, unit)
	switch unit {
	case "bytes":
		amount = size(uint64(used)) + " of " + size(uint64(limit))
	case "cores":
		amount = fmt.Sprintf("%.2f of %.2f cores", used, limit)
	}
	s.compare(sv, float64(*s.monitor.AlertAt), &Alert{
		Kind: what + nearLimit, Severity: severityWarning, Value: used, Limit: limit, Unit: unit,
		message: fmt.Sprintf("%s near its limit: %s (%.0f %%)", what, amount, 100*used/limit),
	})
}

// calmly: a part of a limit is no reason for an alert, nor to end one. It is so
// nearly always, and then no text need be made.
func (s *Supervisor) calmly(sv *service, kind string, part, threshold float64) bool {
	return part < threshold*calm && sv.firing[kind] == nil
}

// compare raises an alert while its value is above a part of its limit.
func (s *Supervisor) compare(sv *service, threshold float64, a *Alert) {
	switch part := a.Value / a.Limit; {
	case part >= threshold:
		a.Status = firing
		s.raise(sv, a)
	case part < threshold*calm:
		a.Status = resolved
		a.message = a.Kind + " is over: " + a.message
		s.raise(sv, a)
	}
}

// checkCPU compares the time used since the last sample with the quota.
func (s *Supervisor) checkCPU(sv *service) {
	u, quota := sv.usage, sv.spec.Resources.CPU.Quota
	if quota == nil || u.before == nil || u.before.CPU == nil || u.now.CPU == nil || u.before.CPU.UsageNS == nil || u.now.CPU.UsageNS == nil {
		return
	}
	cores := rate(*u.before.CPU.UsageNS, *u.now.CPU.UsageNS, u.at.Sub(u.beforeAt)) / 1e9
	s.checkPart(sv, "cpu", "cores", cores, float64(*quota))
}

// checkThrottling raises an alert where the quota was used up in at least half
// of the periods of every sample for long enough. One period among many is what a
// quota is for.
func (s *Supervisor) checkThrottling(sv *service) {
	u := sv.usage
	if u.before == nil || u.before.CPU == nil || u.now.CPU == nil {
		return
	}
	before, now := u.before.CPU, u.now.CPU
	if before.Periods == nil || now.Periods == nil || before.ThrottledCount == nil || now.ThrottledCount == nil {
		return
	}
	periods, throttled := *now.Periods-*before.Periods, *now.ThrottledCount-*before.ThrottledCount
	if throttled == 0 || 2*throttled < periods {
		if !u.throttled.IsZero() {
			u.throttled = time.Time{}
			s.raise(sv, &Alert{Kind: CPUThrottled, Status: resolved, message: "no longer throttled"})
		}
		return
	}
	if u.throttled.IsZero() {
		u.throttled = u.beforeAt
	}
	if lasted := u.at.Sub(u.throttled); lasted >= time.Duration(*s.monitor.ThrottledFor) {
		s.raise(sv, &Alert{
			Kind: CPUThrottled, Severity: severityAlert, Status: firing, Value: lasted.Seconds(), Unit: "seconds",
			message: fmt.Sprintf("throttled by its CPU quota for %s on end", lasted.Round(time.Second)),
		})
	}
}

// checkIO records that a service waits for disks. Cgroup v1 does not tell.
func (s *Supervisor) checkIO(sv *service, io *stats.IO) {
	if io == nil || io.Pressure == nil || io.Pressure.Some == nil {
		return
	}
	if s.calmly(sv, IOPressure, io.Pressure.Some.Avg10/100, ioStalled/100) {
		return
	}
	s.compare(sv, ioStalled/100, &Alert{
		Kind: IOPressure, Severity: severityInfo, Value: io.Pressure.Some.Avg10, Limit: 100, Unit: "percent",
		message: fmt.Sprintf("waited for disks during %.0f %% of the last ten seconds", io.Pressure.Some.Avg10),
	})
}

// rate is the growth of a counter in a second.
func rate(before, now uint64, in time.Duration) float64 {
	if now < before || in <= 0 {
		return 0
	}
	return float64(now-before) / in.Seconds()
}

// size writes bytes for people.
func size(n uint64) string {
	v, units := float64(n), "BKMGT"
	i := 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
