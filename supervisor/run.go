package supervisor

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/bundle"
	"blackhole/internal/cleanup"
	"blackhole/runtime"
	"blackhole/runtime/stats"
	"blackhole/spec"
)

// start creates a service's container and lets its program run, beside the loop.
func (s *Supervisor) start(sv *service) {
	if sv.log == nil { // it could not be opened before
		if err := s.openLogOf(sv); err != nil {
			s.event(sv, func() action { return sv.startFailed(time.Now(), err) })
			return
		}
	}
	sv.run++
	sv.creating = true
	sv.made, sv.unfit = sv.config, ""
	config, name, log, run := sv.config, sv.name, sv.log, sv.run
	critical := float64(*s.monitor.MemoryCritical)
	ahead := sv.ahead
	fits := ahead.fits(config, critical)
	sv.ahead = nil
	s.work.Go(func() {
		r, err := s.startAhead(ahead, fits)
		if r == nil && err == nil {
			var c *created
			if c, err = s.create(name, log, s.contents(config, name, critical)); err == nil {
				r, err = s.launch(c)
			}
		}
		s.post(func() {
			sv.creating, sv.unclean = false, isLeft(err) || err != nil && sv.unclean
			if err != nil {
				if sv.unclean && sv.state == Stopping { // where nobody else tells it
					s.warn(sv, err)
				}
				s.event(sv, func() action { return sv.startFailed(time.Now(), err) })
				return
			}
			sv.warnings = r.notes
			s.runs(sv, r)
			s.event(sv, func() action { return sv.started(time.Now()) })
			if !s.awaits(sv, run) {
				return
			}
			s.startCheck(sv)
			s.fit(sv) // to what was applied while it was created
		})
	})
}

// contents is what the bundle of a service is made of.
func (s *Supervisor) contents(config *spec.Config, name string, critical float64) func() (bundle.Contents, []string, error) {
	return func() (bundle.Contents, []string, error) {
		c, notes, err := s.o.Bundle(config, name)
		guard(c.Config, critical)
		return c, notes, err
	}
}

// create makes a container of a service. Its program's output goes straight to the
// log.
func (s *Supervisor) create(name string, log *logFile, contents func() (bundle.Contents, []string, error)) (_ *created, err error) {
	s.creators <- struct{}{}
	defer func() { <-s.creators }()
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()
	c, notes, err := contents()
	if err != nil {
		return nil, err
	}
	dir := s.o.Paths.bundle(name)
	if err := bundle.Write(dir, c); err != nil {
		return nil, err
	}
	rt := s.o.Runtime
	// What a supervisor that was killed meanwhile left half made.
	if err := s.remove(name); err != nil {
		return nil, err
	}
	out, err := log.forService()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	process, err := rt.Create(runtime.CreateOptions{ID: name, Bundle: dir, Stdout: out, Stderr: out})
	if err != nil {
		return nil, err
	}
	undo.Add(func() error {
		_ = process.Signal(unix.SIGKILL)
		_, _ = process.Wait()
		return s.remove(name)
	})
	r := running{pid: process.Pid(), process: process, notes: notes}
	if r.pidfd, err = openPidfd(r.pid); err != nil {
		return nil, err
	}
	undo.Add(func() error { r.pidfd.close(); return nil })
	made := &created{r, undo}
	undo.Release()
	return made, nil
}

// launch starts the program of a container that was created; where it cannot,
// nothing is left of it.
func (s *Supervisor) launch(c *created) (_ *running, err error) {
	defer func() { err = errors.Join(err, c.undo.Run()) }()
	if c.cgroups, err = c.process.Cgroups(); err != nil {
		return nil, err
	}
	c.levels = oomLevels(c.cgroups) // before its first instruction, or its first kill would have no cause
	c.since = time.Now()
	if err := s.o.Runtime.StartCreated(c.process); err != nil {
		return nil, err
	}
	c.undo.Release()
	return &c.running, nil
}

// runs takes note of a container that runs, and waits for its end beside the loop.
func (s *Supervisor) runs(sv *service, r *running) {
	sv.pid, sv.pidfd, sv.startedAt, sv.cgroups = r.pid, r.pidfd, r.since, r.cgroups
	sv.lastCheck = ""
	s.watch(sv, r)
	run, log := sv.run, sv.log
	go func() {
		exit := Exit{Code: r.reap(), Time: time.Now()}
		// Before its cgroup is gone, and with it what tells of its end.
		last, _ := stats.Read(stats.Source{Cgroups: r.cgroups})
		levels := oomLevels(r.cgroups)
		left := s.remove(sv.name)
		err := errors.Join(left, log.tend(time.Now()))
		s.post(func() {
			if sv.run != run {
				return
			}
			sv.unclean = left != nil
			if err != nil {
				s.warn(sv, fmt.Errorf("cannot clean up after it: %w", err))
			}
			s.ended(sv, exit, last, levels)
		})
	}()
}

// remove removes a service's container. What cannot be removed, a disk that was
// full, say, is tried once more, and then left to down.
func (s *Supervisor) remove(name string) error {
	err := s.o.Runtime.Delete(name, true)
	if err != nil {
		err = s.o.Runtime.Delete(name, true)
	}
	if err != nil {
		return leftError{err}
	}
	return nil
}

// leftError tells why there is still something of a container.
type leftError struct{ error }

func (e leftError) Unwrap() error { return e.error }

func isLeft(err error) bool { return errors.As(err, new(leftError)) }

// ended: a service's program is gone, and so is its container.
func (s *Supervisor) ended(sv *service, exit Exit, last *stats.Stats, levels []oomLevel) {
	s.endCheck(sv)
	if last != nil {
		s.checkOOM(sv, last, levels)
	}
	// A kill that was told a moment ago may have been of another of its processes;
	// that its own program died by SIGKILL right then is no accident.
	exit.OOM = exit.Code == 128+int(unix.SIGKILL) && sv.usage != nil && !sv.killed && time.Since(sv.usage.oomAt) < oomRecent
	s.unwatch(sv)
	sv.pid, sv.pidfd, sv.cgroups = 0, nil, nil
	s.event(sv, func() action { return sv.exited(time.Now(), exit) })
	if sv.state == Backoff {
		s.prepareLater(sv)
	}
}

// oomRecent is how long after an out-of-memory kill an end by SIGKILL counts as
// its doing: the counters are seen at once, the end when all is torn down.
const oomRecent = 2 * time.Second

// awaits: what comes from a life of a service is still about its present one.
func (s *Supervisor) awaits(sv *service, run uint64) bool { return sv.run == run && sv.alive }

// signal sends a service's program a signal. One that has ended meanwhile is
// noticed elsewhere.
//
// The stop signal goes the shortest way: a service that is about to be killed for
// want of memory has no time for reading its container's state.
func (s *Supervisor) signal(sv *service, sig unix.Signal) {
	if sig != unix.SIGKILL && sv.pidfd != nil && sv.pidfd.signal(sig) == nil {
		return
	}
	if err := s.o.Runtime.Kill(sv.name, sig); err != nil && !runtime.NotRunning(err) {
		s.warn(sv, err)
	}
}

func (s *Supervisor) kill(sv *service) { s.signal(sv, unix.SIGKILL) }

// tendLogs looks after the logs beside the loop: rotating is copying.
func (s *Supervisor) tendLogs(now time.Time) {
	if !s.tending.CompareAndSwap(false, true) {
		return
	}
	type tended struct {
		sv  *service
		log *logFile
	}
	var logs []tended
	for _, sv := range s.services {
		if sv.log != nil && !sv.log.quiet.Load() {
			logs = append(logs, tended{sv, sv.log})
		}
	}
	if len(logs) == 0 {
		s.tending.Store(false)
		return
	}
	go func() {
		defer s.tending.Store(false)
		for _, t := range logs {
			if err := t.log.tend(now); err != nil {
				s.post(func() { s.warn(t.sv, err) })
			}
		}
	}()
}
