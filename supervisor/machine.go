package supervisor

import (
	"fmt"
	"time"

	"blackhole/spec"
)

// State is where a service is in its life.
type State string

// The states of a service.
const (
	Waiting   State = "waiting"   // wants to run; a dependency is not up yet
	Starting  State = "starting"  // is being created, or runs and is not up yet
	Running   State = "running"   // up
	Unhealthy State = "unhealthy" // runs, and its health check fails
	Backoff   State = "backoff"   // ended; is started again after a while
	Stopping  State = "stopping"  // was told to end
	Stopped   State = "stopped"   // ended, and nobody wants it to run
	Failed    State = "failed"    // ended, and is given up
)

// upAfter is how long a service without a health check must live to be up.
const upAfter = time.Second

// killAgain is how long a killed service may take to be gone before it is
// killed once more: it may sit in an uninterruptible system call.
const killAgain = 10 * time.Second

// policy is what the configuration says about a service's life.
type policy struct {
	restart             spec.RestartPolicy
	maxRetries          uint // 0: no limit
	backoff, maxBackoff time.Duration
	stopTimeout         time.Duration
	checked             bool // has a health check
}

// action is what an event makes necessary.
type action int

const (
	doNothing action = iota
	doStart          // create the container and start its program
	doSignal         // send the stop signal
	doKill           // send SIGKILL
)

// afterStop is what follows once a service that was told to end has ended.
type afterStop int

const (
	thenStop afterStop = iota
	thenStart
	thenBackoff
)

// Exit is how a service's program ended.
type Exit struct {
	// Code is the exit code, 128+n after signal n; -1 if nobody could see it,
	// because the supervisor was not there.
	Code int       `json:"code"`
	Time time.Time `json:"time"`
	// OOM: the kernel killed a process of it for want of memory.
	OOM bool `json:"oom,omitempty"`
}

func (e Exit) String() string {
	switch {
	case e.OOM:
		return "out of memory, killed by the kernel"
	case e.Code < 0:
		return "ended unseen, while no supervisor ran"
	case e.Code > 128 && e.Code <= 128+64: // there are 64 signals
		return fmt.Sprintf("killed by signal %d", e.Code-128)
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// machine is the life of one service: a method per event, each one switch over
// the state. It does nothing itself and reads no clock. An event that means
// nothing in a state is passed over.
type machine struct {
	policy policy

	state    State
	since    time.Time
	deadline time.Time // when timeOver is due; zero: never
	reason   string    // of the state, for people; may be empty
	retries  uint      // restarts on end, since it last was quiet
	restarts uint64    // in all
	exit     *Exit     // the last one
	alive    bool      // its program runs
	next     afterStop // in Stopping
	killed   bool      // in Stopping: its time is over
}

func (m *machine) enter(s State, now time.Time, reason string) {
	m.state, m.since, m.deadline, m.reason = s, now, time.Time{}, reason
}

// startAsked: somebody wants the service to run.
func (m *machine) startAsked(now time.Time) action {
	switch m.state {
	case "", Stopped, Failed, Backoff:
		m.retries = 0
		m.enter(Waiting, now, "")
	case Stopping:
		m.next = thenStart
	}
	return doNothing
}

// ready: all that it depends on is up.
func (m *machine) ready(now time.Time) action {
	switch m.state {
	case Waiting:
		m.enter(Starting, now, "")
		return doStart
	}
	return doNothing
}

// started: its program runs.
func (m *machine) started(now time.Time) action {
	m.alive = true
	switch m.state {
	case Starting:
		m.since = now
		if !m.policy.checked {
			m.deadline = now.Add(upAfter)
		}
	case Stopping: // asked while it was being created
		m.deadline = now.Add(m.policy.stopTimeout)
		return doSignal
	}
	return doNothing
}

// startFailed: there is no container.
func (m *machine) startFailed(now time.Time, err error) action {
	switch m.state {
	case Starting:
		if m.policy.restart == spec.RestartNo {
			m.enter(Failed, now, err.Error())
			return doNothing
		}
		m.retry(now, now, err.Error())
	case Stopping:
		m.stopped(now, now, "")
	}
	return doNothing
}

// exited: its program has ended and its container is gone.
func (m *machine) exited(now time.Time, exit Exit) action {
	m.alive, m.exit = false, &exit
	switch m.state {
	case Starting, Running, Unhealthy:
		switch restart := m.policy.restart; {
		case exit.Code == 0 && (restart == spec.RestartNo || restart == spec.RestartOnFailure):
			m.enter(Stopped, now, finished)
		case restart == spec.RestartNo:
			m.enter(Failed, now, exit.String())
		default:
			m.retry(now, exit.Time, exit.String())
		}
	case Stopping:
		m.stopped(now, exit.Time, exit.String())
	}
	return doNothing
}

// stopped does what was to follow the stop.
func (m *machine) stopped(now, ended time.Time, how string) {
	if m.killed {
		how = fmt.Sprintf("killed: it did not end within %s", m.policy.stopTimeout)
	}
	switch m.next {
	case thenStart:
		m.restarts++
		m.enter(Waiting, now, "")
	case thenBackoff:
		reason := m.reason
		if m.killed {
			reason += ", " + how
		}
		m.retry(now, ended, reason)
	default:
		m.enter(Stopped, now, how)
	}
}

// retry starts it again after a while that doubles each time, or gives up. The
// while counts from the end of the program.
func (m *machine) retry(now, ended time.Time, reason string) {
	if limit := m.policy.maxRetries; limit > 0 && m.retries >= limit {
		m.enter(Failed, now, fmt.Sprintf("gave up after %d restarts: %s", m.retries, reason))
		return
	}
	delay := m.policy.backoff
	for range m.retries {
		if delay >= m.policy.maxBackoff {
			break
		}
		delay *= 2
	}
	m.retries++
	m.restarts++
	m.enter(Backoff, now, reason)
	m.deadline = ended.Add(min(delay, max(m.policy.maxBackoff, m.policy.backoff)))
}

// timeOver: the deadline has passed.
func (m *machine) timeOver(now time.Time) action {
	m.deadline = time.Time{}
	switch m.state {
	case Starting:
		if !m.policy.checked {
			m.up(now)
		}
	case Backoff:
		m.enter(Waiting, now, m.reason)
	case Running, Unhealthy:
		m.retries = 0 // quiet for long enough
	case Stopping:
		if m.alive {
			m.killed = true
			m.deadline = now.Add(killAgain)
			return doKill
		}
	}
	return doNothing
}

func (m *machine) up(now time.Time) {
	m.enter(Running, now, "")
	m.deadline = now.Add(max(m.policy.maxBackoff, upAfter)) // the quiet time
}

// healthy: a health check succeeded.
func (m *machine) healthy(now time.Time) action {
	switch m.state {
	case Starting, Unhealthy:
		if m.alive {
			m.up(now)
		}
	}
	return doNothing
}

// checkChanged: it has another health check than before, or none any more.
func (m *machine) checkChanged(now time.Time) action {
	switch m.state {
	case Starting:
		if m.alive && !m.policy.checked {
			m.deadline = now.Add(upAfter)
		}
	case Unhealthy:
		if !m.policy.checked {
			m.up(now)
		}
	}
	return doNothing
}

// unhealthy: as many health checks failed on end as the configuration bears.
func (m *machine) unhealthy(now time.Time, reason string) action {
	switch m.state {
	case Starting, Running:
		m.enter(Unhealthy, now, reason)
	}
	return doNothing
}

// violation: it is about to be killed for want of memory, and is restarted in
// good order before that happens. It counts as a failure, so that one that never
// fits is not restarted for ever.
func (m *machine) violation(now time.Time, reason string) action {
	switch m.state {
	case Starting, Running, Unhealthy:
		return m.stop(now, thenBackoff, reason)
	}
	return doNothing
}

// stopAsked: nobody wants it to run any more.
func (m *machine) stopAsked(now time.Time) action {
	switch m.state {
	case Waiting, Backoff, Failed, "":
		m.enter(Stopped, now, "")
	case Starting, Running, Unhealthy:
		return m.stop(now, thenStop, "")
	case Stopping:
		m.next = thenStop
	}
	return doNothing
}

// restartAsked: it is to end and start anew.
func (m *machine) restartAsked(now time.Time) action {
	switch m.state {
	case Starting, Running, Unhealthy:
		m.retries = 0
		return m.stop(now, thenStart, "")
	}
	return m.startAsked(now)
}

func (m *machine) stop(now time.Time, next afterStop, reason string) action {
	m.enter(Stopping, now, reason)
	m.next, m.killed = next, false
	if !m.alive {
		return doNothing // it is being created; see started
	}
	m.deadline = now.Add(m.policy.stopTimeout)
	return doSignal
}

// finished is the reason of a service that stopped by itself and need not run
// again.
const finished = "finished"
