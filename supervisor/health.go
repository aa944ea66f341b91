package supervisor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/internal/printable"
	"blackhole/runtime"
	"blackhole/spec"
)

// startCheck checks a service's health from now on, if it has a check.
func (s *Supervisor) startCheck(sv *service) {
	check := sv.spec.HealthCheck
	if check == nil {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	sv.stopChecks = cancel
	name, run, pid := sv.name, sv.run, sv.pid
	go func() {
		fails := uint(0)
		// Until it is healthy for the first time it is looked at more often, so
		// that what depends on it need not wait a whole interval.
		wait := min(time.Duration(*check.Interval), firstCheck)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			err := s.check(ctx, name, pid, check)
			if ctx.Err() != nil {
				return
			}
			if err != nil && dies(pid) {
				return // that is told as such
			}
			if err == nil {
				fails, wait = 0, time.Duration(*check.Interval)
			} else {
				fails++
				wait = min(2*wait, time.Duration(*check.Interval))
			}
			s.post(func() {
				if ctx.Err() == nil { // else another check has taken its place
					s.checkedHealth(sv, run, fails, *check.Retries, err)
				}
			})
		}
	}()
}

// dies: a program that did not pass its check has ended, or does so right now;
// its other processes, that of the check for one, are gone before it is.
func dies(pid int) bool {
	fd, err := openPidfd(pid)
	if err != nil {
		return errors.Is(err, unix.ESRCH)
	}
	defer fd.close()
	_ = fd.File.SetReadDeadline(time.Now().Add(deathTakes))
	return fd.wait() == nil
}

const deathTakes = 200 * time.Millisecond

// firstCheck is how long after its start a service is first checked, and how
// long it then is before the next; the time doubles up to the interval.
const firstCheck = 100 * time.Millisecond

// checkedHealth: one check is done.
func (s *Supervisor) checkedHealth(sv *service, run uint64, fails, retries uint, err error) {
	if !s.awaits(sv, run) {
		return
	}
	if err == nil {
		sv.lastCheck = ""
		s.event(sv, func() action { return sv.healthy(time.Now()) })
		s.raise(sv, unhealthyAlert(sv, ""))
		return
	}
	sv.lastCheck = oneLine(err)
	if fails < retries || sv.state == Starting && time.Since(sv.startedAt) < time.Duration(retries)*time.Duration(*sv.spec.HealthCheck.Interval) {
		return // a start may take as long as that many checks
	}
	reason := "health check failed: " + sv.lastCheck
	s.event(sv, func() action { return sv.unhealthy(time.Now(), reason) })
	if sv.state == Unhealthy {
		s.raise(sv, unhealthyAlert(sv, reason))
	}
}

func (s *Supervisor) endCheck(sv *service) {
	if sv.stopChecks != nil {
		sv.stopChecks()
		sv.stopChecks = nil
	}
}

// check runs one health check.
func (s *Supervisor) check(ctx context.Context, name string, pid int, c *spec.HealthCheck) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(*c.Timeout))
	defer cancel()
	var err error
	switch {
	case c.TCP != nil:
		err = checkTCP(ctx, pid, strconv.Itoa(int(*c.TCP)))
	case c.HTTP != nil:
		err = checkHTTP(ctx, pid, *c.HTTP)
	default:
		err = s.checkExec(ctx, name, c.Exec)
	}
	if errors.Is(err, context.DeadlineExceeded) || ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("no answer within %s", time.Duration(*c.Timeout))
	}
	return err
}

func checkTCP(ctx context.Context, pid int, port string) error {
	c, err := dialIn(ctx, pid, "", port)
	if err != nil {
		return err
	}
	return c.Close()
}

// checkHTTP asks for a page and reads no more of the answer than its status. It
// does without net/http, whose import costs a third of a millisecond at each
// start of this binary, and that starts twice for each container.
func checkHTTP(ctx context.Context, pid int, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	if u.Scheme != "http" {
		return fmt.Errorf("cannot check %s: only http is spoken here; use an exec check for %s", text, u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	c, err := dialIn(ctx, pid, u.Hostname(), port)
	if err != nil {
		return err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: blackhole\r\nConnection: close\r\n\r\n", u.RequestURI(), u.Host); err != nil {
		return err
	}
	// HTTP/1.1 200 OK
	line, err := bufio.NewReaderSize(c, 512).ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("%s: no answer: %w", text, err)
	}
	fields := strings.Fields(string(line))
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/1.") {
		return fmt.Errorf("%s: the answer is not HTTP", text)
	}
	if code, err := strconv.Atoi(fields[1]); err != nil || code < 200 || code > 399 {
		return fmt.Errorf("%s: status %s", text, printable.Line(fields[1])) // the service wrote it
	}
	return nil
}

// checkExec runs a command in the service; 0 is healthy. One that does not end
// in time is killed.
func (s *Supervisor) checkExec(ctx context.Context, name string, args []string) error {
	process, err := s.o.Runtime.ExecDetached(runtime.ExecOptions{ID: name, Override: runtime.ProcessOverride{Args: args}})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = process.Signal(unix.SIGKILL) })
	defer stop()
	fd, err := openPidfd(process.Pid())
	if err == nil {
		_ = fd.wait()
		fd.close()
	}
	code, err := process.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case code != 0:
		return fmt.Errorf("%s: exit code %d", args[0], code)
	}
	return nil
}
