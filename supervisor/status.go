package supervisor

import (
	"fmt"
	"slices"
	"time"
)

// statusOf is a copy, for who asks: what is told of time is in the clock as it is now.
func (s *Supervisor) statusOf(sv *service) ServiceStatus {
	now := time.Now()
	st := ServiceStatus{
		Name: sv.name, State: sv.state, Since: onClock(sv.since, now), Reason: sv.reason, Pid: sv.pid,
		Restarts: sv.restarts, HealthError: sv.lastCheck, Warnings: sv.warnings,
	}
	if sv.pid != 0 {
		st.Started = onClock(sv.startedAt, now)
	}
	if sv.exit != nil {
		exit := *sv.exit
		exit.Time = onClock(exit.Time, now)
		st.Exit = &exit
	}
	if sv.state == Waiting {
		st.Reason = s.whyWaiting(sv)
	}
	if sv.policy.checked && sv.alive {
		switch sv.state {
		case Running:
			st.Health = "healthy"
		case Unhealthy:
			st.Health = "unhealthy"
		case Starting:
			st.Health = "starting"
		}
	}
	for _, a := range sv.firing {
		told := *a
		told.Since = onClock(a.Since, now)
		st.Alerts = append(st.Alerts, &told)
	}
	slices.SortFunc(st.Alerts, func(a, b *Alert) int { return a.Since.Compare(b.Since) })
	return st
}

func (s *Supervisor) whyWaiting(sv *service) string {
	name := s.unmet(sv)
	if name == "" {
		if by := s.blocked(sv); by != "" {
			return s.whyBlocked(sv, by)
		}
		return ""
	}
	if d := s.services[name]; d != nil {
		return fmt.Sprintf("for %s, which is %s", name, d.state)
	}
	return fmt.Sprintf("for %s, which does not run", name)
}
