package supervisor

import (
	"sync"
	"time"

	"blackhole/internal/cleanup"
	"blackhole/spec"
)

// While a service waits out its backoff, its next container is created, up to
// where only its program is to be started. It has the service's one name, cgroup
// and network: the last container is gone before a backoff begins. Whatever else
// becomes of the service meanwhile, the container is removed again; see ahead's
// users: prepareLater, start and dropAhead.

// ahead is a container that is created before its time, or is being.
type ahead struct {
	config   *spec.Config // that it is made of
	critical float64
	dropped  bool // it is being removed; the loop's

	done    chan struct{} // closed when it is created, or cannot be
	created *created      // then; nil: whoever starts the service finds out why
	once    sync.Once
	err     error
}

// created is a container whose program does not run yet.
type created struct {
	running
	undo cleanup.Stack
}

// remove waits until it is created and removes it; done again it tells the same.
func (a *ahead) remove() error {
	<-a.done
	a.once.Do(func() {
		if a.created != nil {
			a.err = a.created.undo.Run()
		}
	})
	return a.err
}

// aheadBy is how long before the end of a backoff the next container is created:
// longer than that takes on a host with much to do. In a long backoff nothing is
// held before.
const aheadBy = 5 * time.Second

// prepareLater has the next container created when the end of the backoff that
// has just begun is near.
func (s *Supervisor) prepareLater(sv *service) {
	wait := time.Until(sv.deadline)
	if wait <= 0 {
		return
	}
	if wait <= aheadBy {
		s.prepare(sv)
		return
	}
	run := sv.run
	time.AfterFunc(wait-aheadBy, func() {
		s.post(func() {
			if sv.run == run && sv.state == Backoff {
				s.prepare(sv)
			}
		})
	})
}

// prepare creates the next container beside the loop, where nothing is in the way.
func (s *Supervisor) prepare(sv *service) {
	if s.ending || sv.ahead != nil || sv.log == nil || !s.keepsAhead(sv) || s.unmet(sv) != "" || s.blocked(sv) != "" {
		return
	}
	a := &ahead{config: sv.config, critical: float64(*s.monitor.MemoryCritical), done: make(chan struct{})}
	sv.ahead = a
	name, log, contents := sv.name, sv.log, s.contents(a.config, sv.name, a.critical)
	s.work.Go(func() {
		defer close(a.done)
		// The start tries again, and tells what is wrong; where there is none, only
		// what is left is of interest.
		if c, err := s.create(name, log, contents); !isLeft(err) {
			a.created = c
		} else {
			a.err = err
		}
	})
}

// keepsAhead: it waits for nothing but its time. What has to wait for a dependency
// after that holds nothing meanwhile.
func (s *Supervisor) keepsAhead(sv *service) bool {
	return sv.state == Backoff && !sv.wantsStop && !sv.wantsRestart && !sv.gone && !sv.fitting
}

// fits: it is what would be created now.
func (a *ahead) fits(config *spec.Config, critical float64) bool {
	return a != nil && !a.dropped && a.config == config && a.critical == critical
}

// dropAhead removes the containers that were created for a start that will not be,
// or not like that.
func (s *Supervisor) dropAhead() {
	for _, sv := range s.services {
		a := sv.ahead
		if a == nil || a.dropped || s.keepsAhead(sv) && a.fits(sv.config, float64(*s.monitor.MemoryCritical)) {
			continue
		}
		a.dropped = true
		s.work.Go(func() {
			err := a.remove()
			s.post(func() {
				if sv.ahead == a {
					sv.ahead, sv.unclean = nil, isLeft(err) || a.created == nil && sv.unclean
				}
				if err != nil {
					s.warn(sv, err)
				}
			})
		})
	}
}

// leaveNone removes them all and waits for it: the supervisor ends, and the next
// one has no use of them.
func (s *Supervisor) leaveNone() {
	var all sync.WaitGroup
	for _, sv := range s.services {
		if a := sv.ahead; a != nil {
			all.Go(func() { _ = a.remove() }) // the next one tries again
		}
	}
	all.Wait()
}

// startAhead starts the program of a container that was created ahead; nil where
// there is none that fits and can be started, and then nothing is left of it.
func (s *Supervisor) startAhead(a *ahead, fits bool) (*running, error) {
	switch {
	case a == nil:
		return nil, nil
	case !fits:
		return nil, a.remove()
	}
	<-a.done
	if a.created == nil {
		return nil, nil
	}
	r, err := s.launch(a.created)
	if err != nil { // somebody has been at it; where it is the service's own fault it comes again
		return nil, nil //nolint:nilerr // see there
	}
	return r, nil
}
