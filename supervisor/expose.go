package supervisor

import (
	"fmt"
	"maps"
	"net"
	"strings"
	"time"

	"blackhole/internal/cleanup"
	"blackhole/internal/clients"
	"blackhole/internal/exposition"
	"blackhole/internal/httpget"
	"blackhole/supervisor/metrics"
)

// maxScrapers are answered at a time.
const maxScrapers = 16

// serveMetrics listens where the options say, before anything else is begun:
// an address that is taken must leave nothing behind.
func (s *Supervisor) serveMetrics(undo *cleanup.Stack) error {
	if s.o.Metrics == "" {
		return nil
	}
	if host, port, err := net.SplitHostPort(s.o.Metrics); err != nil || port == "" {
		return fmt.Errorf("cannot serve metrics on %q: it is not [HOST]:PORT", s.o.Metrics)
	} else if strings.Contains(host, "%") {
		return fmt.Errorf("cannot serve metrics on %q: an address with a zone is not possible", s.o.Metrics)
	}
	l, err := net.Listen("tcp", s.o.Metrics)
	if err != nil {
		return fmt.Errorf("cannot serve metrics on %q: %w", s.o.Metrics, rootCause(err))
	}
	pages := httpget.Pages{
		"/":        func() (string, []byte) { return "text/plain; charset=utf-8", []byte("metrics are at /metrics\n") },
		"/metrics": func() (string, []byte) { return exposition.ContentType, s.metricsPage() },
	}
	undo.Add(clients.Serve(l, maxScrapers, pages.Answer).Close)
	return nil
}

// rootCause is the last of a chain of errors: "address already in use" without
// the call and address, which are in the message already.
func rootCause(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		next := inner.Unwrap()
		if next == nil {
			return err
		}
		err = next
	}
}

// metricsPage writes what is known, as of one moment between two events. It
// reads nothing of the services: that is done once an interval, however many
// ask.
func (s *Supervisor) metricsPage() []byte {
	snapshot := metrics.Snapshot{
		Version: s.o.Version, Commit: s.o.Commit, Alerts: alertKinds(),
		States: []string{
			string(Waiting), string(Starting), string(Running), string(Unhealthy),
			string(Backoff), string(Stopping), string(Stopped), string(Failed),
		},
	}
	s.call(func() {
		snapshot.Interval = time.Duration(*s.monitor.Interval)
		for _, sv := range s.all() {
			snapshot.Services = append(snapshot.Services, sv.metrics())
		}
	})
	return metrics.Page(&snapshot)
}

// metrics is a copy: what it points to is not changed any more.
func (sv *service) metrics() metrics.Service {
	m := metrics.Service{
		Name: sv.name, State: string(sv.state), Restarts: sv.restarts, OOMKills: sv.oomKills,
		Raised: maps.Clone(sv.raised), Firing: map[string]bool{},
	}
	for kind := range sv.firing {
		m.Firing[kind] = true
	}
	if sv.exit != nil {
		m.Ended, m.ExitCode = onClock(sv.exit.Time, time.Now()), sv.exit.Code
	}
	if !sv.alive {
		return m
	}
	m.Started = onClock(sv.startedAt, time.Now())
	if sv.policy.checked {
		healthy := sv.state == Running
		m.Healthy = &healthy
	}
	if u := sv.usage; u != nil && u.now != nil {
		m.Sampled, m.Stats, m.Network, m.Limits = u.at, u.now, u.network.now, u.limits
		if w, ok := working(u.now.Memory); ok {
			m.WorkingSet = &w
		}
	}
	return m
}
