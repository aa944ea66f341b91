package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"blackhole/internal/cleanup"
	"blackhole/runtime"
	"blackhole/spec"
)

// open takes the lock and makes what the supervisor needs on disk.
func (s *Supervisor) open(undo *cleanup.Stack) error {
	p := s.o.Paths
	if !filepath.IsAbs(p.Logs) {
		return fmt.Errorf("log folder %q is not an absolute path", p.Logs)
	}
	lock, err := s.openFolders(undo)
	// Another supervisor, which we have waited for, took the folder with it.
	for try := 0; try < 10 && errors.Is(err, fs.ErrNotExist); try++ {
		lock, err = s.openFolders(undo)
	}
	if err != nil {
		return err
	}
	undo.Add(func() error {
		if !s.leaving {
			_ = os.Remove(p.lock())
		}
		return lock.Close()
	})
	if err := p.sweep(); err != nil {
		return err
	}
	if err := s.serveMetrics(undo); err != nil {
		return err
	}
	if err := runtime.MakeRoom(*s.config.EffectiveIsolation().Cgroup.RootPath); err != nil {
		return err
	}
	if err := s.openToGroup(); err != nil {
		return err
	}
	if s.events, err = openEventLog(p.events(), s.o.Group); err != nil {
		return err
	}
	undo.Add(func() error { s.events.close(); return nil })
	if err := s.openWatcher(); err != nil {
		return err
	}
	undo.Add(func() error { s.watcher.close(); return nil })
	server, err := s.listen()
	if err != nil {
		return err
	}
	undo.Add(server.Close)
	undo.Add(func() error {
		unclean := false
		for _, sv := range s.services {
			sv.log.close()
			unclean = unclean || sv.unclean
			if !s.leaving && !sv.active() && !sv.unclean {
				_ = os.RemoveAll(p.bundle(sv.name))
			}
		}
		if !s.leaving && s.ending && !unclean { // else down goes on by it
			_ = os.Remove(p.saved())
			_ = os.Remove(p.applied())
		}
		return nil
	})
	return nil
}

func (s *Supervisor) openFolders(undo *cleanup.Stack) (*os.File, error) {
	p := s.o.Paths
	for _, dir := range []string{p.Root, p.dir(), p.bundles(), p.Logs} {
		made, err := makeDir(dir)
		if err != nil {
			return nil, err
		}
		if made || dir == p.dir() || dir == p.bundles() {
			undo.Add(func() error { _ = os.Remove(dir); return nil }) // which fails where it is of use still
		}
	}
	return p.takeLock()
}

func makeDir(path string) (made bool, err error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, os.MkdirAll(path, 0o700)
}

// openToGroup lets the group through to the socket and the logs.
func (s *Supervisor) openToGroup() error {
	if s.o.Group < 0 {
		return nil
	}
	for dir, mode := range map[string]fs.FileMode{s.o.Paths.Root: 0o710, s.o.Paths.dir(): 0o710, s.o.Paths.Logs: 0o750} {
		if err := errors.Join(os.Chown(dir, -1, s.o.Group), os.Chmod(dir, mode)); err != nil {
			return err
		}
	}
	return nil
}

// adopt sets the services up as the supervisor before this one left them: what
// still runs is watched on, what has ended meanwhile is noticed, and the rest
// is started, but for what was stopped on purpose.
func (s *Supervisor) adopt(saved saved, names []string) {
	for _, name := range names {
		s.add(name)
	}
	// Those that run though this call did not name them are supervised too:
	// the state folder has no other supervisor.
	for name, old := range saved.Services {
		if s.services[name] != nil || !old.Active {
			continue
		}
		if _, err := s.config.Service(name); err == nil {
			s.add(name)
		} else {
			s.warn(nil, fmt.Errorf("service %s may run still, and is in no configuration: blackhole delete --force %s ends it", name, name))
		}
	}
	for _, sv := range s.all() {
		old, known := saved.Services[sv.name]
		if known {
			sv.restarts, sv.exit = old.Restarts, old.Exit
		}
		switch found, err := s.find(sv.name); {
		case err != nil:
			s.event(sv, func() action { sv.enter(Failed, time.Now(), err.Error()); return doNothing })
		case found != nil:
			s.takeOver(sv, found)
			if old.Pending {
				s.goOn(sv)
			}
		case known && old.Active: // it ended, and its container is gone
			s.endedUnseen(sv)
		case known && old.Stopped && sv.policy.restart != spec.RestartAlways:
			s.event(sv, func() action { return sv.stopAsked(time.Now()) })
		default:
			s.event(sv, func() action { return sv.startAsked(time.Now()) })
		}
	}
}

// add takes a service of the configuration under supervision.
func (s *Supervisor) add(name string) {
	effective, err := s.config.Service(name)
	if err != nil {
		return // its name was checked
	}
	sv := newService(name, effective, s.config)
	s.services[name] = sv
	if err := s.openLogOf(sv); err != nil {
		sv.enter(Failed, time.Now(), err.Error())
	}
}

func (s *Supervisor) openLogOf(sv *service) error {
	logs := sv.spec.Logs
	log, err := openLog(s.o.Paths.log(sv.name), int64(*logs.MaxSize), *logs.MaxFiles, s.o.Group)
	if err != nil {
		return fmt.Errorf("cannot open its log: %w", err)
	}
	log.await = s.watcher.await
	sv.log = log
	return nil
}

// find looks for the container of a service: one that runs, or nil. It removes
// one that does not. It fails for one that no supervisor made.
func (s *Supervisor) find(name string) (*running, error) {
	rt := s.o.Runtime
	state, err := rt.State(name)
	if err != nil {
		return nil, nil //nolint:nilerr // there is none, or half of one, which start removes
	}
	if state.Bundle != s.o.Paths.bundle(name) {
		return nil, fmt.Errorf("container %q exists already and is not the supervisor's; delete it first", name)
	}
	if state.Status != "running" && state.Status != "paused" {
		if err := rt.Delete(name, true); err != nil {
			s.warn(nil, err) // start tries again
		}
		return nil, nil
	}
	r := &running{pid: state.Pid}
	if r.cgroups, err = rt.Cgroups(name); err != nil {
		return nil, nil //nolint:nilerr // it has gone
	}
	r.levels, r.oomKills = oomLevels(r.cgroups), oomKills(state.Stats)
	if r.pidfd, err = openPidfd(r.pid); err != nil {
		return nil, nil //nolint:nilerr // it has gone
	}
	if r.since, err = startedAt(r.pid); err != nil {
		r.since = state.Created
	}
	// Only now that the process is held is it certain that its number was not
	// given to another meanwhile.
	if again, err := rt.State(name); err != nil || again.Pid != r.pid {
		r.pidfd.close()
		return nil, nil //nolint:nilerr // it has gone
	}
	return r, nil
}

// takeOver goes on with a container that an earlier supervisor started.
func (s *Supervisor) takeOver(sv *service, r *running) {
	sv.run++
	sv.made = sv.config
	s.event(sv, func() action {
		sv.enter(Starting, r.since, "")
		s.runs(sv, r)
		sv.alive = true
		if !sv.policy.checked {
			sv.up(time.Now())
		}
		return doNothing
	})
	s.startCheck(sv)
}

// endedUnseen lets a service that ended while no supervisor ran end now.
func (s *Supervisor) endedUnseen(sv *service) {
	sv.enter(Running, time.Now(), "")
	s.event(sv, func() action { return sv.exited(time.Now(), Exit{Code: -1, Time: time.Now()}) })
}

// forget drops a service that is no longer in the configuration.
func (s *Supervisor) forget(sv *service) {
	for _, a := range sv.firing {
		s.raise(sv, a.resolved("the service was removed"))
	}
	s.watcher.forget(sv.log)
	sv.log.close()
	_ = os.RemoveAll(s.o.Paths.bundle(sv.name))
	delete(s.services, sv.name)
	s.dirty = true
}
