package supervisor

import (
	"context"
	"runtime/debug"
	"slices"
)

// waiter is a caller that waits for something to become true.
type waiter struct {
	done func() bool
	tell chan struct{}
}

// wait calls done in the loop after everything that happens until it is true,
// or the caller or the loop ends.
func (s *Supervisor) wait(ctx context.Context, done func() bool) {
	w := waiter{done, make(chan struct{})}
	if !s.call(func() { s.waiters = append(s.waiters, w) }) {
		return
	}
	select {
	case <-w.tell:
	case <-s.ctx.Done():
	case <-ctx.Done():
		s.call(func() {
			s.waiters = slices.DeleteFunc(s.waiters, func(o waiter) bool { return o.tell == w.tell })
		})
	}
}

func (s *Supervisor) tellWaiters() {
	s.waiters = slices.DeleteFunc(s.waiters, func(w waiter) bool {
		if !w.done() {
			return false
		}
		close(w.tell)
		return true
	})
	if s.o.Settled != nil && s.settled() {
		s.o.Settled()
		s.o.Settled = nil
		go debug.FreeOSMemory() // starting many takes more than watching them
	}
}

// settled: every service is what it will be; one that waits for another that
// has failed is.
func (s *Supervisor) settled() bool {
	for _, sv := range s.services {
		if s.unsettled(sv) || sv.fitting || sv.wantsRestart {
			return false
		}
	}
	return true
}

// unsettled: a service will be something else without anything that happens to it.
func (s *Supervisor) unsettled(sv *service) bool { return !sv.settled() && !s.stuck(sv, nil) }

// stuck: it waits, at last, for one that is settled and not up.
func (s *Supervisor) stuck(sv *service, seen []string) bool {
	if sv.state != Waiting || slices.Contains(seen, sv.name) {
		return false
	}
	for _, name := range sv.spec.DependsOn {
		if d := s.services[name]; d != nil && d.state != Running && (d.settled() || s.stuck(d, append(seen, sv.name))) {
			return true
		}
	}
	return false
}
