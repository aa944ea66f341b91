// Package supervisor keeps services running: it starts them in the order of
// their dependencies, restarts what fails, watches what they use and raises
// alerts. One process does so for all services of a state folder; they outlive
// it, and the next one takes them over.
//
// All that it knows of the services belongs to one goroutine, the loop; others
// do what takes time (creating, waiting, checking) and hand functions to the
// loop with what came of it.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"blackhole/bundle"
	"blackhole/hooks/params"
	"blackhole/internal/cleanup"
	"blackhole/internal/fileversion"
	"blackhole/runtime"
	"blackhole/runtime/stats"
	"blackhole/spec"
)

// Options says what to supervise. Paths, Runtime, Load, Bundle and Group must be
// set.
type Options struct {
	Paths   Paths
	Runtime *runtime.Runtime
	// Load reads and checks the whole configuration; no files are its own.
	Load func(files []string) (*spec.Config, error)
	// Bundle translates one service for this host; what the host cannot do are
	// warnings.
	Bundle func(c *spec.Config, service string) (contents bundle.Contents, warnings []string, err error)
	// Shape brings the bandwidth of a running service's network to what p says.
	Shape func(service string, p params.Params) error
	// Notify tells the service manager, as sd_notify(3) has it; may be nil.
	Notify func(state string)
	// Services are those to run, with what they depend on; none is all.
	Services []string
	// Group may use the control socket and read the logs beside root; -1 is none.
	Group int
	// Metrics is the address (HOST:PORT, or :PORT for any) on which the figures
	// are served by HTTP; empty is none.
	Metrics string
	// Version and Commit are this program's, for the metrics.
	Version, Commit string
	// Network reads the counters of the networks that services have of their
	// own, by the services' names; nil for nothing. It is not called twice at a
	// time.
	Network func(services []string) (map[string]*stats.Network, error)
	// Settled is called once, when every service is up or has failed.
	Settled func()
	// Out is told each change of a service's state, one line each.
	Out io.Writer
}

// Supervisor runs the services of one state folder.
type Supervisor struct {
	o        Options
	config   *spec.Config // applied last
	applying sync.Mutex   // a configuration is being applied
	monitor  spec.Monitor // of config
	services map[string]*service
	todo     chan func()    // for the loop
	work     sync.WaitGroup // what may still hand something to the loop
	creators chan struct{}  // as many containers are created at a time
	ctx      context.Context
	events   *eventLog
	watcher  *watcher
	notifier *notifier
	sampling bool        // of all services, is under way
	tending  atomic.Bool // the logs
	ending   bool        // all services end, and then the supervisor
	leaving  bool        // the supervisor ends, the services go on
	waiters  []waiter
	dirty    bool // the saved state is old
	record   record
	// Of the last attempt to save it, and of the configuration in force.
	unsaved, unapplied bool
	ticks              *time.Ticker
}

// Signals are how a supervisor is told to end; see Run.
type Signals struct {
	// Stop ends all services first.
	Stop <-chan os.Signal
	// Leave lets them run on, to be taken over by the next supervisor.
	Leave <-chan os.Signal
	// Reload applies the supervisor's own files.
	Reload <-chan os.Signal
}

// Run supervises until it is told to end. It fails at once for a configuration
// that is not valid or where another supervisor runs already; then it has
// changed nothing.
func Run(o Options, signals Signals) (err error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	config, notice, err := o.load()
	if err != nil {
		return err
	}
	names, err := closure(config, o.Services)
	if err != nil {
		return err
	}
	if err := haveProgram(config, names); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &Supervisor{
		o:        o,
		config:   config,
		monitor:  config.EffectiveIsolation().Monitor,
		services: map[string]*service{},
		todo:     make(chan func(), 64),
		creators: make(chan struct{}, 2*goruntime.NumCPU()), // each of them waits too: for its first process, for hooks
		ctx:      ctx,
		ticks:    time.NewTicker(logInterval),
	}
	defer s.ticks.Stop()
	s.notifier = newNotifier(ctx, func(err error) { s.post(func() { s.warn(nil, err) }) })
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()
	if err := s.open(&undo); err != nil {
		return fmt.Errorf("cannot supervise: %w", err)
	}
	saved, err := o.Paths.load() // as the last supervisor left it, now that none runs
	if errors.Is(err, fileversion.ErrNewer) {
		return fmt.Errorf("cannot supervise: %w", err)
	}
	for _, err := range []error{notice, err} {
		if err != nil {
			s.warn(nil, err)
		}
	}
	s.openRecord()
	s.adopt(saved, names)
	s.saveApplied()
	s.loop(signals)
	s.closeRecord()
	cancel()
	return nil
}

// haveProgram: a service that is only its limits cannot be started.
func haveProgram(c *spec.Config, names []string) error {
	if len(names) == 0 {
		return errors.New("cannot start services: the configuration has none")
	}
	for _, name := range names {
		if c.Services[name].Executable == nil {
			return fmt.Errorf("cannot start service %q: it has no executable; write one in the configuration", name)
		}
	}
	return nil
}

// post hands something to the loop. It must not be called in the loop.
func (s *Supervisor) post(f func()) {
	select {
	case s.todo <- f:
	case <-s.ctx.Done(): // the loop is over
	}
}

// call runs something in the loop and waits for it; false: the loop is over.
func (s *Supervisor) call(f func()) bool {
	done := make(chan struct{})
	s.post(func() { f(); close(done) })
	select {
	case <-done:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// logInterval is how often logs are looked after: a service that writes without
// end can exceed its max_size by what it writes in that time.
const logInterval = time.Second

func (s *Supervisor) loop(signals Signals) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	sampled := time.Now()
	for {
		select {
		case f := <-s.todo:
			f()
		case <-timer.C:
		case now := <-s.ticks.C:
			s.dirty = s.dirty || s.unsaved
			s.tendLogs(now)
			s.endAlerts(now)
			if now.Sub(sampled) >= time.Duration(*s.monitor.Interval)-logInterval/2 {
				sampled = now
				s.sampleAll()
			}
			s.saveRecord(now)
		case <-signals.Stop:
			if s.ending { // asked twice: no more patience
				s.killAll()
			}
			s.end()
		case <-signals.Reload:
			go s.reload()
		case <-signals.Leave:
			s.leaving = true
			s.notify("STOPPING=1")
		}
		s.timeOver()
		s.advance()
		s.dropAhead()
		if s.dirty {
			s.save()
		}
		s.tellWaiters()
		if s.leaving || s.ending && !slices.ContainsFunc(s.all(), (*service).present) {
			s.leaveNone()
			s.tellWaiters()
			return
		}
		timer.Reset(s.untilDeadline())
	}
}

func (s *Supervisor) all() []*service {
	all := make([]*service, 0, len(s.services))
	for _, sv := range s.services {
		all = append(all, sv)
	}
	slices.SortFunc(all, func(a, b *service) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return all
}

func (s *Supervisor) untilDeadline() time.Duration {
	wait := time.Hour
	for _, sv := range s.services {
		if !sv.deadline.IsZero() {
			wait = min(wait, time.Until(sv.deadline))
		}
	}
	return max(wait, 0)
}

func (s *Supervisor) timeOver() {
	now := time.Now()
	for _, sv := range s.services {
		if !sv.deadline.IsZero() && !now.Before(sv.deadline) {
			s.event(sv, func() action { return sv.timeOver(now) })
		}
	}
}

// event lets one thing happen to a service, does what it makes necessary and
// tells what changed.
func (s *Supervisor) event(sv *service, happen func() action) {
	before := sv.state
	do := happen()
	switch do {
	case doStart:
		s.start(sv)
	case doSignal:
		s.signal(sv, sv.stopSignal())
		s.unguardLater(sv)
	case doKill:
		s.kill(sv)
	}
	if sv.state != before {
		s.dirty = true
		s.changed(sv)
	}
}

// advance does what the states of the services, taken together, allow: starts
// those whose dependencies are up and stops those that nothing needs any more.
func (s *Supervisor) advance() {
	for again := s.pending(); again; {
		again = false
		for _, sv := range s.all() {
			s.settle(sv)
			switch {
			case sv.wantsStop && !s.needed(sv):
				sv.wantsStop, again = false, true
				s.event(sv, func() action { return sv.stopAsked(time.Now()) })
			case sv.wantsRestart && !s.needed(sv):
				sv.wantsRestart, again = false, true
				s.event(sv, func() action { return sv.restartAsked(time.Now()) })
			case sv.state == Waiting && !sv.wantsStop && !sv.fitting && s.unmet(sv) == "" && s.blocked(sv) == "":
				again = true
				s.event(sv, func() action { return sv.ready(time.Now()) })
			case sv.gone && sv.state == Stopped && !sv.present() && !sv.fitting:
				s.forget(sv)
				again = true
			}
		}
	}
}

// unmet names a dependency that is not up, or nothing.
func (s *Supervisor) unmet(sv *service) string {
	for _, name := range sv.spec.DependsOn {
		if d := s.services[name]; d == nil || d.state != Running || d.wantsRestart {
			return name
		}
	}
	return ""
}

// needed: something that depends on it runs, and is to end too.
func (s *Supervisor) needed(sv *service) bool {
	for _, other := range s.services {
		if slices.Contains(other.spec.DependsOn, sv.name) && (other.wantsStop || other.wantsRestart || other.state == Stopping && other.next != thenBackoff) {
			return true
		}
	}
	return false
}

// end stops all services, and then the supervisor.
func (s *Supervisor) end() {
	s.ending = true
	for _, sv := range s.services {
		sv.wantsStop, sv.wantsRestart = true, false
	}
	s.notify("STOPPING=1")
}

func (s *Supervisor) killAll() {
	for _, sv := range s.services {
		if sv.alive {
			sv.deadline = time.Now()
		}
		sv.wantsStop = false
		s.event(sv, func() action { return sv.stopAsked(time.Now()) })
		if sv.alive {
			sv.deadline = time.Now()
		}
	}
}
