package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/runtime"
)

// Unsupervised is status where no supervisor runs: what the last one wrote down,
// corrected by what is there. A service that ended since is stopped.
func (p Paths) Unsupervised(rt *runtime.Runtime, names []string) (*Reply, error) {
	old, err := p.load()
	if err != nil {
		return nil, err
	}
	r := &Reply{Version: ProtocolVersion, Services: []ServiceStatus{}}
	for _, name := range names {
		if _, ok := old.Services[name]; !ok {
			return nil, fmt.Errorf("cannot find service %q: %w, and none left it", name, ErrNone)
		}
	}
	for name, was := range old.Services {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		st := ServiceStatus{Name: name, State: was.State, Reason: was.Reason, Restarts: was.Restarts, Exit: was.Exit}
		state, err := rt.State(name)
		switch {
		case err == nil && state.Status != "stopped" && state.Status != "created" && state.Bundle == p.bundle(name):
			st.State, st.Pid, st.Since, st.Started, st.Stats = Running, state.Pid, state.Created, state.Created, state.Stats
		case was.Active:
			st.State, st.Reason = Stopped, "ended while no supervisor ran"
		case was.State == Waiting, was.State == Backoff:
			st.State = Stopped
		}
		r.Services = append(r.Services, st)
	}
	slices.SortFunc(r.Services, func(a, b ServiceStatus) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// Unfinished tells whether the last supervisor could not remove all that its services left.
func (p Paths) Unfinished() bool {
	_, err := os.Lstat(p.saved())
	return err == nil
}

// StopUnsupervised is down where no supervisor runs: it stops what the last one
// left, in the reverse order of dependencies. Nothing to stop is no error.
func (p Paths) StopUnsupervised(rt *runtime.Runtime, names []string) error {
	lock, err := p.takeLock() // nobody starts one meanwhile
	if errors.Is(err, fs.ErrNotExist) {
		if len(names) > 0 {
			return fmt.Errorf("cannot stop %s: %w", strings.Join(names, ", "), ErrNone)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot stop services: %w", err)
	}
	defer lock.Close()
	if err := p.sweep(); err != nil {
		return fmt.Errorf("cannot stop services: %w", err)
	}
	old, err := p.load()
	if err != nil {
		return fmt.Errorf("cannot stop services: %w", err)
	}
	for _, name := range names {
		if _, ok := old.Services[name]; !ok {
			return fmt.Errorf("cannot stop service %q: %w, and none left it", name, ErrNone)
		}
	}
	done := map[string]chan struct{}{}
	for name := range old.Services {
		if len(names) == 0 || slices.Contains(names, name) {
			done[name] = make(chan struct{})
		}
	}
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for name := range done {
		all.Go(func() {
			defer close(done[name])
			for other, ended := range done {
				if slices.Contains(old.Services[other].Needs, name) {
					<-ended
				}
			}
			if err := p.stopOne(rt, name, old.Services[name]); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(names) == 0 && errs == nil {
		for _, path := range []string{p.saved(), p.applied(), p.socket(), p.lock(), p.bundles()} {
			_ = os.RemoveAll(path)
		}
		_ = os.Remove(p.dir()) // unless it holds the logs
	}
	return errors.Join(errs...)
}

func (p Paths) stopOne(rt *runtime.Runtime, name string, was savedService) error {
	state, err := rt.State(name)
	if err == nil && state.Bundle != p.bundle(name) {
		return nil // somebody else's
	}
	if err == nil && state.Pid != 0 && state.Status != "created" { // else its program has not begun
		if fd, err := openPidfd(state.Pid); err == nil {
			defer fd.close()
			if err := rt.Kill(name, unix.Signal(was.Signal)); err != nil && !runtime.NotRunning(err) {
				return err
			}
			_ = fd.File.SetReadDeadline(time.Now().Add(was.Timeout))
			_ = fd.wait() // for that long
		}
	}
	return rt.Delete(name, true)
}

// endTime is how long a supervisor may take to end once its services have. On a busy,
// emulated machine that took more than ten seconds.
const endTime = 30 * time.Second

// AwaitEnd waits until the supervisor that was told to end is gone, and with it
// all that it removes last.
func AwaitEnd(pid int) error {
	fd, err := openPidfd(pid)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot see the supervisor end: %w", err)
	}
	defer fd.close()
	_ = fd.File.SetReadDeadline(time.Now().Add(endTime))
	if err := fd.wait(); err != nil {
		return fmt.Errorf("cannot see the supervisor end: pid %d is still there after %v", pid, endTime)
	}
	return nil
}
