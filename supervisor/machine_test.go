package supervisor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"blackhole/spec"
)

// Each row is what happens to a service, in words, and after each word the state
// and the action that must follow: "event=state" or "event=state/action".
func TestMachine(t *testing.T) {
	onFailure := policy{
		restart: spec.RestartOnFailure, maxRetries: 2,
		backoff: time.Second, maxBackoff: 30 * time.Second, stopTimeout: 10 * time.Second,
	}
	with := func(change func(*policy)) policy {
		p := onFailure
		change(&p)
		return p
	}
	never := with(func(p *policy) { p.restart = spec.RestartNo })
	always := with(func(p *policy) { p.restart = spec.RestartAlways; p.maxRetries = 0 })
	checked := with(func(p *policy) { p.checked = true })
	const up = "start=waiting ready=starting/start started=starting over=running "
	for _, row := range []struct {
		name   string
		policy policy
		events string
	}{
		{"up and down", onFailure, up + "stop=stopping/signal exit143=stopped start=waiting"},
		{"ignores the stop signal", onFailure, up + "stop=stopping/signal over=stopping/kill over=stopping/kill exit137=stopped"},
		{"stopped while it is created", onFailure, "start=waiting ready=starting/start stop=stopping started=stopping/signal exit0=stopped"},
		{"creation fails while it is stopped", onFailure, "start=waiting ready=starting/start stop=stopping fail=stopped"},
		{"a clean end is an end", onFailure, up + "exit0=stopped"},
		{"a clean end is none to always", always, up + "exit0=backoff over=waiting"},
		{"gives up", onFailure, up + "exit1=backoff over=waiting ready=starting/start started=starting exit1=backoff " +
			"over=waiting ready=starting/start fail=failed start=waiting"},
		{"quiet time forgives", onFailure, up + "exit1=backoff over=waiting ready=starting/start started=starting exit1=backoff " +
			"over=waiting ready=starting/start started=starting over=running over=running exit1=backoff"},
		{"never restarted", never, up + "exit3=failed"},
		{"never restarted, fails to start", never, "start=waiting ready=starting/start fail=failed"},
		{"stopped in backoff", onFailure, up + "exit1=backoff stop=stopped over=stopped"},
		{"started in backoff", onFailure, up + "exit1=backoff start=waiting"},
		{"stopped while it waits", onFailure, "start=waiting stop=stopped ready=stopped"},
		{"restart", onFailure, up + "restart=stopping/signal exit0=waiting ready=starting/start"},
		{"restart, then stop", onFailure, up + "restart=stopping/signal stop=stopping exit0=stopped"},
		{"stop, then start", onFailure, up + "stop=stopping/signal start=stopping exit0=waiting"},
		{"restart of what does not run", onFailure, "restart=waiting"},
		{"memory critical", never, up + "violation=stopping/signal exit0=backoff over=waiting"},
		{"memory critical, killed", never, up + "violation=stopping/signal over=stopping/kill exit137=backoff over=waiting"},
		{"memory critical twice", onFailure, up + "violation=stopping/signal violation=stopping exit0=backoff"},
		{"memory critical too often", onFailure, up + "violation=stopping/signal exit0=backoff over=waiting ready=starting/start started=starting " +
			"violation=stopping/signal exit0=backoff over=waiting ready=starting/start started=starting violation=stopping/signal exit0=failed"},
		{"checked", checked, "start=waiting ready=starting/start started=starting over=starting healthy=running unhealthy=unhealthy healthy=running"},
		{"never healthy", checked, "start=waiting ready=starting/start started=starting unhealthy=unhealthy exit1=backoff"},
		{"dies during its check", checked, "start=waiting ready=starting/start started=starting exit1=backoff healthy=backoff unhealthy=backoff"},
		{"what comes late", onFailure, up + "stop=stopping/signal exit0=stopped exit0=stopped healthy=stopped unhealthy=stopped violation=stopped"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := &machine{policy: row.policy}
			now := time.Unix(1000, 0)
			for i, step := range strings.Fields(row.events) {
				event, want, _ := strings.Cut(step, "=")
				now = now.Add(time.Millisecond)
				do := happen(t, m, event, now)
				got := string(m.state)
				if do != doNothing {
					got += "/" + map[action]string{doStart: "start", doSignal: "signal", doKill: "kill"}[do]
				}
				if got != want {
					t.Fatalf("step %d, %s: %s, want %s", i+1, event, got, want)
				}
			}
		})
	}
}

func happen(t *testing.T, m *machine, event string, now time.Time) action {
	t.Helper()
	switch event {
	case "start":
		return m.startAsked(now)
	case "ready":
		return m.ready(now)
	case "started":
		return m.started(now)
	case "fail":
		return m.startFailed(now, errors.New("no such program"))
	case "over":
		return m.timeOver(now)
	case "stop":
		return m.stopAsked(now)
	case "restart":
		return m.restartAsked(now)
	case "violation":
		return m.violation(now, "memory critical")
	case "healthy":
		return m.healthy(now)
	case "unhealthy":
		return m.unhealthy(now, "no answer")
	case "exit0", "exit1", "exit3", "exit137", "exit143":
		codes := map[string]int{"exit0": 0, "exit1": 1, "exit3": 3, "exit137": 137, "exit143": 143}
		return m.exited(now, Exit{Code: codes[event], Time: now})
	}
	t.Fatalf("no event %q", event)
	return doNothing
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	m := &machine{policy: policy{restart: spec.RestartAlways, backoff: time.Second, maxBackoff: 5 * time.Second}}
	now := time.Unix(1000, 0)
	for i, want := range []time.Duration{1, 2, 4, 5, 5} {
		m.startAskedIfNew(now)
		m.ready(now)
		m.started(now)
		m.exited(now, Exit{Code: 1, Time: now})
		if got := m.deadline.Sub(now); got != want*time.Second {
			t.Errorf("backoff %d: %s, want %ds", i+1, got, want)
		}
		now = m.deadline
		m.timeOver(now)
	}
	if m.restarts != 5 {
		t.Errorf("%d restarts counted, want 5", m.restarts)
	}
}

// startAskedIfNew: asking again would reset the backoff.
func (m *machine) startAskedIfNew(now time.Time) {
	if m.state == "" {
		m.startAsked(now)
	}
}

func TestDeadlines(t *testing.T) {
	m := &machine{policy: policy{restart: spec.RestartNo, stopTimeout: 7 * time.Second, maxBackoff: time.Minute}}
	now := time.Unix(1000, 0)
	m.startAsked(now)
	m.ready(now)
	if !m.deadline.IsZero() {
		t.Error("a deadline while it is created")
	}
	m.started(now)
	if got := m.deadline.Sub(now); got != upAfter {
		t.Errorf("up after %s, want %s", got, upAfter)
	}
	m.timeOver(now)
	if got := m.deadline.Sub(now); got != time.Minute {
		t.Errorf("quiet time %s, want the longest backoff, 1m", got)
	}
	m.stopAsked(now)
	if got := m.deadline.Sub(now); got != 7*time.Second {
		t.Errorf("killed after %s, want 7s", got)
	}
}

// TestCheckChanged: a service that loses its health check is up without it, at
// once or when it has lived for long enough; one that gets one stays as it is.
func TestCheckChanged(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, row := range []struct {
		name    string
		m       machine
		checked bool
		want    State
		waits   bool // for a deadline
	}{
		{"starting, loses it", machine{state: Starting, alive: true}, false, Starting, true},
		{"starting, gets another", machine{state: Starting, alive: true}, true, Starting, false},
		{"being created, loses it", machine{state: Starting}, false, Starting, false},
		{"unhealthy, loses it", machine{state: Unhealthy, alive: true}, false, Running, true},
		{"unhealthy, gets another", machine{state: Unhealthy, alive: true}, true, Unhealthy, false},
		{"running, gets one", machine{state: Running, alive: true}, true, Running, false},
		{"stopped", machine{state: Stopped}, false, Stopped, false},
	} {
		row.m.policy.checked = row.checked
		do := row.m.checkChanged(now)
		if row.m.state != row.want || do != doNothing || row.m.deadline.IsZero() == row.waits {
			t.Errorf("%s: got %s, action %d, deadline %v", row.name, row.m.state, do, row.m.deadline)
		}
	}
}

// Who waits for services that end at once, over and over, is told so, in whatever
// state they happen to be.
func TestLoopIsSettled(t *testing.T) {
	for _, row := range []struct {
		state   State
		retries uint
		want    bool
	}{
		{Starting, 0, false}, {Waiting, 0, false}, {Backoff, 1, false}, {Stopping, 9, false},
		{Starting, 3, false}, {Backoff, 3, true}, {Starting, 6, true}, {Waiting, 6, true},
		{Running, 0, true}, {Failed, 0, true}, {Stopped, 0, true},
	} {
		sv := &service{machine: machine{state: row.state, retries: row.retries}}
		if sv.settled() != row.want {
			t.Errorf("%s after %d restarts on end: settled is %v", row.state, row.retries, !row.want)
		}
	}
}

// TestKilledIsTold: why it was stopped does not hide that it had to be killed.
func TestKilledIsTold(t *testing.T) {
	now := time.Unix(1000, 0)
	m := &machine{policy: policy{restart: spec.RestartAlways, stopTimeout: 7 * time.Second, backoff: time.Second, maxBackoff: time.Minute}}
	for _, event := range []string{"start", "ready", "started", "violation", "over", "exit137"} {
		happen(t, m, event, now)
	}
	if want := "memory critical, killed: it did not end within 7s"; m.reason != want {
		t.Errorf("reason %q, want %q", m.reason, want)
	}
}
