package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/spec"
)

var errEnding = errors.New("cannot apply: the supervisor ends")

// mayApply: whoever applies a configuration runs any program as root, so that is
// for root alone (or whose supervisor it is), not for the group.
func mayApply(c *net.UnixConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return false
	}
	return peer.Uid == 0 || int(peer.Uid) == os.Geteuid()
}

// applyAsked answers the method apply.
func (s *Supervisor) applyAsked(ctx context.Context, r Request) Reply {
	if !r.DryRun {
		if !s.applying.TryLock() {
			return Reply{Error: "cannot apply: another apply is under way; try again when it is done"}
		}
	}
	p, err := s.planOf(r.Files)
	if err == nil && !r.DryRun && r.Plan != "" && r.Plan != p.id() {
		err = errors.New("cannot apply: the configuration or the services have changed since the plan was made; try again")
	}
	if err != nil || r.DryRun {
		if !r.DryRun {
			s.applying.Unlock()
		}
		if err != nil {
			return faulty(err)
		}
		return Reply{Pid: os.Getpid(), Plan: p.id(), Changes: p.changes}
	}
	done := s.execute(p)
	s.applying.Unlock()
	if done == nil {
		return Reply{Error: errEnding.Error()}
	}
	s.wait(ctx, func() bool { return !slices.ContainsFunc(done.touched, s.changing) })
	reply := Reply{Pid: os.Getpid(), Plan: p.id()}
	var names []string
	s.call(func() {
		for _, c := range p.changes {
			if sv := s.services[c.Service]; sv != nil && sv.unfit != "" {
				c.Error = sv.unfit
			}
			reply.Changes = append(reply.Changes, c)
		}
		for _, name := range done.touched {
			if s.services[name] != nil {
				names = append(names, name)
			}
		}
	})
	if len(names) > 0 {
		reply.Services = s.status(names).Services
	}
	return reply
}

// faulty is the reply for a configuration with faults: each is a line.
func faulty(err error) Reply {
	r := Reply{Error: oneLine(err)}
	var faults spec.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			r.Faults = append(r.Faults, f.String())
		}
	}
	return r
}

func (s *Supervisor) planOf(files []string) (*plan, error) {
	config, err := s.o.Load(files)
	if err != nil {
		return nil, err
	}
	return s.plan(config)
}

// reload is apply of the supervisor's own files, for who cannot wait for an
// answer: all is told in the event log.
func (s *Supervisor) reload() {
	s.applying.Lock()
	defer s.applying.Unlock()
	p, err := s.planOf(nil)
	if err != nil {
		s.post(func() { s.warn(nil, fmt.Errorf("nothing is changed: %w", err)) })
		return
	}
	s.execute(p)
}

// execution is an apply under way.
type execution struct{ touched []string }

// execute begins what a plan says; what takes time goes on beside. nil: the
// supervisor ends.
func (s *Supervisor) execute(p *plan) (x *execution) {
	s.call(func() {
		if s.ending || s.leaving {
			return
		}
		if s.o.Settled == nil { // else it is not ready yet
			s.notify("RELOADING=1\nMONOTONIC_USEC=" + monotonic())
			defer s.notify("READY=1")
		}
		x = &execution{}
		memoryCritical := *s.monitor.MemoryCritical
		s.config, s.monitor = p.config, p.config.EffectiveIsolation().Monitor
		changed := map[string]bool{}
		for _, c := range p.changes {
			s.tell(Event{Type: "apply", Service: c.Service, Message: c.summary()})
			if c.Service != "" {
				changed[c.Service] = true
				x.touched = append(x.touched, c.Service)
				s.begin(c)
			}
		}
		for _, sv := range s.services {
			if changed[sv.name] || sv.gone {
				continue
			}
			// The same in both, so it may as well be the new one.
			if sv.made == sv.config {
				sv.made = p.config
			}
			if sv.read == sv.config {
				sv.read = p.config
			}
			if sv.ahead != nil && sv.ahead.config == sv.config {
				sv.ahead.config = p.config
			}
			sv.config = p.config
			if sv.alive && *s.monitor.MemoryCritical != memoryCritical {
				s.rewatch(sv)
			}
		}
		if len(p.changes) > 0 {
			s.dirty = true
			s.saveApplied()
		}
	})
	return x
}

// begin does the change of one service, as far as it can be done at once.
func (s *Supervisor) begin(c Change) {
	now := time.Now()
	sv := s.services[c.Service]
	switch c.Action {
	case ActionRemove:
		sv.gone, sv.wantsStop, sv.wantsRestart = true, true, false
	case ActionAdd:
		if sv == nil {
			s.add(c.Service)
			sv = s.services[c.Service]
			if sv.state != Failed {
				s.event(sv, func() action { return sv.startAsked(now) })
			}
			return
		}
		// It is being removed still, and comes back.
		sv.gone, sv.wantsStop, sv.unfit = false, false, ""
		sv.config = s.config
		s.event(sv, func() action { return sv.restartAsked(now) })
	default:
		sv.config, sv.unfit = s.config, ""
		restart := slices.ContainsFunc(c.Keys, func(k KeyChange) bool { return k.Restart })
		switch {
		case !sv.active():
			s.settle(sv)
			if c.Action != ActionUpdate {
				s.event(sv, func() action { return sv.startAsked(now) })
			}
		case !restart:
			s.reconfigure(sv)
			s.fit(sv)
		case sv.state != Stopping && !sv.wantsStop: // else what follows has it
			sv.wantsRestart = true
		}
	}
}

// changing: apply is not done with a service.
func (s *Supervisor) changing(name string) bool {
	sv := s.services[name]
	switch {
	case sv == nil:
		return false
	case sv.gone, sv.wantsRestart, sv.fitting, sv.alive && sv.made != sv.config && sv.unfit == "":
		return true
	}
	return s.unsettled(sv)
}

// summary is a change for the event log, which the group may read: the keys, not
// their values.
func (c *Change) summary() string {
	var live, restart []string
	for _, k := range c.Keys {
		if k.Restart {
			restart = append(restart, k.Key)
		} else {
			live = append(live, k.Key)
		}
	}
	switch text := "apply: " + string(c.Action); {
	case c.Action == ActionUpdate:
		return "apply: in place: " + strings.Join(append(restart, live...), ", ")
	case len(restart) > 0:
		return text + ", because of " + strings.Join(restart, ", ")
	default:
		return text
	}
}

func monotonic() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return "0"
	}
	return fmt.Sprint(t.Nano() / 1000)
}

func (s *Supervisor) notify(state string) {
	if s.o.Notify != nil {
		s.o.Notify(state)
	}
}
