package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"blackhole/internal/printable"
)

// Event is one line of the event log: a change of a service's state, an alert,
// or a warning of the supervisor's own.
type Event struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"` // state, alert, apply or warning
	Service string    `json:"service,omitempty"`
	Message string    `json:"message"`
	State   State     `json:"state,omitempty"`
	Pid     int       `json:"pid,omitempty"`
	*Alert
}

// eventLogSize is at which the event log is put aside as NAME.1, in place of
// the one put aside before.
const eventLogSize = 10 << 20

type eventLog struct {
	path string
	gid  int
	f    *os.File
}

func openEventLog(path string, gid int) (*eventLog, error) {
	l := &eventLog{path: path, gid: gid}
	return l, l.open()
}

func (l *eventLog) open() error {
	f, err := openOwn(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return err
	}
	if l.gid >= 0 {
		if err := f.Chown(-1, l.gid); err != nil {
			f.Close()
			return err
		}
	}
	l.f = f
	return nil
}

// write appends one event as one write, so that a reader sees whole lines.
func (l *eventLog) write(e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if n, err := l.f.Write(append(line, '\n')); err != nil {
		if info, serr := l.f.Stat(); serr == nil && n > 0 { // a full disk took a part of it
			_ = l.f.Truncate(info.Size() - int64(n))
		}
		return err
	}
	if info, err := l.f.Stat(); err != nil || info.Size() < eventLogSize {
		return err
	}
	old := l.f
	if err := errors.Join(os.Rename(l.path, l.path+".1"), l.open()); err != nil {
		return err
	}
	return old.Close()
}

func (l *eventLog) close() { l.f.Close() }

func (s *Supervisor) tell(e Event) {
	e.Time = time.Now()
	if err := s.events.write(e); err != nil {
		logrus.Warnf("cannot write the event log: %v", err)
	}
	name := e.Service
	if name == "" {
		name = "supervisor"
	}
	fmt.Fprintf(s.o.Out, "%s: %s\n", name, printable.Line(e.Message))
}

// changed tells the new state of a service.
func (s *Supervisor) changed(sv *service) {
	message := string(sv.state)
	if sv.state == Starting && sv.reason == "" && sv.restarts > 0 {
		message += fmt.Sprintf(" (restart %d)", sv.restarts)
	}
	if sv.alive && sv.pid != 0 && sv.state != Stopping {
		message += fmt.Sprintf(" (pid %d)", sv.pid)
	}
	if sv.reason != "" {
		message += ": " + sv.reason
	}
	s.tell(Event{Type: "state", Service: sv.name, State: sv.state, Pid: sv.pid, Message: message})
	s.alertOfState(sv)
}

// warn tells of what went wrong in the supervisor's own work; sv may be nil.
func (s *Supervisor) warn(sv *service, err error) {
	e := Event{Type: "warning", Message: "warning: " + oneLine(err)}
	if sv != nil {
		e.Service = sv.name
	}
	s.tell(e)
}
