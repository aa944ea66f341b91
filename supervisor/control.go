package supervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	goruntime "runtime"
	"slices"
	"time"

	"blackhole/internal/clients"
)

// Bounds on clients, so that none can hurt: more at a time wait in the socket's
// backlog, and one that does not read or write is cut off.
const (
	maxClients  = 32
	maxRequest  = 64 << 10
	clientHurry = 5 * time.Second // for one line
)

// listen answers on the control socket, which is root's, and the group's if there is one.
func (s *Supervisor) listen() (*clients.Server, error) {
	path := s.o.Paths.socket()
	_ = os.Remove(path) // of a supervisor that was killed: we have the lock
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	err = os.Chmod(path, 0o600)
	if err == nil && s.o.Group >= 0 {
		if err = os.Chown(path, -1, s.o.Group); err == nil {
			err = os.Chmod(path, 0o660)
		}
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return clients.Serve(l, maxClients, s.answer), nil
}

// answer reads one request and writes one reply.
func (s *Supervisor) answer(c net.Conn) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	_ = c.SetReadDeadline(time.Now().Add(clientHurry))
	line, err := bufio.NewReader(io.LimitReader(c, maxRequest)).ReadBytes('\n')
	if err != nil {
		return // it went away, or says too much or nothing
	}
	// One that hangs up need not be waited for any longer.
	_ = c.SetReadDeadline(time.Time{})
	go func() {
		_, _ = c.Read(make([]byte, 1))
		cancel()
	}()
	reply := s.handle(ctx, line, mayApply(c.(*net.UnixConn)))
	reply.Version = ProtocolVersion
	data, err := json.Marshal(reply)
	if err != nil {
		return
	}
	_ = c.SetWriteDeadline(time.Now().Add(clientHurry))
	_, _ = c.Write(append(data, '\n'))
}

func (s *Supervisor) handle(ctx context.Context, line []byte, mayApply bool) Reply {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return Reply{Error: fmt.Sprintf("cannot read the request: %v", err)}
	}
	if r.Version != ProtocolVersion {
		return Reply{Error: fmt.Sprintf("cannot speak protocol version %d: this supervisor speaks %d; restart it after an upgrade", r.Version, ProtocolVersion)}
	}
	if r.Method == "apply" {
		if !mayApply {
			return Reply{Error: "cannot apply: only root may, for a configuration runs programs as root"}
		}
		return s.applyAsked(ctx, r)
	}
	names, err := s.known(r.Services)
	if err != nil {
		return Reply{Error: err.Error()}
	}
	switch r.Method {
	case "status":
		if r.Settled {
			s.waitSettled(ctx, names)
		}
		if r.Brief {
			return s.brief(names)
		}
		return s.status(names)
	case "stop":
		return s.stopServices(ctx, names)
	case "restart":
		return s.restartServices(ctx, names)
	case "end":
		return s.endAll(ctx)
	}
	return Reply{Error: fmt.Sprintf("cannot do %q: there is no such method", r.Method)}
}

// known checks the names of services; none are all.
func (s *Supervisor) known(names []string) (known []string, err error) {
	s.call(func() {
		for _, sv := range s.all() {
			if len(names) == 0 || slices.Contains(names, sv.name) {
				known = append(known, sv.name)
			}
		}
		for _, name := range names {
			if s.services[name] == nil {
				if _, err = s.config.Service(name); err == nil {
					err = fmt.Errorf("cannot find service %q among those that this supervisor runs", name)
				}
				return
			}
		}
	})
	return known, err
}

// brief is status without what has to be read.
func (s *Supervisor) brief(names []string) Reply {
	r := Reply{Pid: os.Getpid(), Services: []ServiceStatus{}}
	s.call(func() {
		for _, name := range names {
			if sv := s.services[name]; sv != nil {
				r.Services = append(r.Services, s.statusOf(sv))
			}
		}
	})
	return r
}

func (s *Supervisor) status(names []string) Reply {
	r := Reply{Pid: os.Getpid(), Goroutines: goruntime.NumGoroutine(), Services: []ServiceStatus{}}
	var readings []*reading // nil for one that does not run
	s.call(func() {
		for _, name := range names {
			if sv := s.services[name]; sv != nil {
				r.Services = append(r.Services, s.statusOf(sv))
				var now *reading
				if sv.usage != nil {
					now = s.reading(sv)
					now.whole = true
				}
				readings = append(readings, now)
			}
		}
	})
	for i := range r.Services {
		one := &r.Services[i]
		if now := readings[i]; now != nil {
			// Of one that ends meanwhile nothing, or what there still is. It is a sample
			// like those of the monitor, which would not look at a service that has
			// slept since.
			now.take()
			one.Stats = now.stats
			s.post(func() { s.taken(now) })
		}
		if one.State == Failed || one.State == Backoff || one.State == Unhealthy {
			one.Output, _ = lastLines(s.o.Paths.log(one.Name), outputLines)
		}
	}
	return r
}

// outputLines is how much of the output of a service that failed status shows.
const outputLines = 10

// stopServices stops services; those that depend on them go on without, as far
// as they can.
func (s *Supervisor) stopServices(ctx context.Context, names []string) Reply {
	s.call(func() {
		for _, name := range names {
			if sv := s.services[name]; sv != nil {
				sv.wantsStop, sv.wantsRestart = true, false
			}
		}
	})
	s.wait(ctx, func() bool {
		return !slices.ContainsFunc(names, func(n string) bool {
			sv := s.services[n]
			return sv != nil && (sv.wantsStop || sv.present())
		})
	})
	return s.status(names)
}

// restartServices ends services and starts them anew, or starts those that are
// stopped, and waits until they are up or cannot be.
func (s *Supervisor) restartServices(ctx context.Context, names []string) Reply {
	s.call(func() {
		for _, name := range names {
			if sv := s.services[name]; sv != nil && !s.ending {
				sv.wantsStop, sv.wantsRestart = sv.gone, false
				s.event(sv, func() action { return sv.restartAsked(time.Now()) })
			}
		}
	})
	s.waitSettled(ctx, names)
	return s.status(names)
}

// waitSettled waits until services are up or cannot be.
func (s *Supervisor) waitSettled(ctx context.Context, names []string) {
	s.wait(ctx, func() bool {
		return !slices.ContainsFunc(names, func(n string) bool {
			sv := s.services[n]
			return sv != nil && s.unsettled(sv)
		})
	})
}

// endAll stops everything, and the supervisor after its reply.
func (s *Supervisor) endAll(ctx context.Context) Reply {
	s.call(s.end)
	s.wait(ctx, func() bool { return !slices.ContainsFunc(s.all(), (*service).active) })
	return Reply{Pid: os.Getpid()}
}
