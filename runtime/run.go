package runtime

import (
	"fmt"
	"os"
	"os/signal"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// RunOptions says which container to run, and how.
type RunOptions struct {
	CreateOptions
	// Detach returns once the program runs; the streams are then the
	// program's own, and somebody else deletes the container.
	Detach bool
	// Keep leaves a container that ended to be deleted later.
	Keep bool
	// Subreaper adopts the container's orphans (PR_SET_CHILD_SUBREAPER) and
	// reaps them; it also reaps every other child of this process, so it is
	// for a process that has none.
	Subreaper bool
}

// Run creates and starts a container and, unless detached, waits for it,
// forwarding all signals that this process gets, then deletes it. It returns
// the program's exit code, 128+n after signal n.
//
// In the foreground Stdin is read until it ends, even beyond the program's end.
func (r *Runtime) Run(o RunOptions) (int, error) {
	code, err := r.run(&o, nil)
	if err != nil {
		return -1, fmt.Errorf("cannot run container %q: %w", o.ID, err)
	}
	return code, nil
}

// run starts the program, or with images restores its processes.
func (r *Runtime) run(o *RunOptions, images *libcontainer.CriuOpts) (code int, err error) {
	var fg *foreground
	if !o.Detach {
		fg = &foreground{stdin: o.Stdin, stdout: o.Stdout, stderr: o.Stderr}
		defer fg.close()
		// From before the container exists, so that no signal is lost: they are
		// forwarded once there is something to forward to.
		fg.signals = catchSignals()
		defer fg.signals.stop()
		if o.Subreaper {
			if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
				return -1, os.NewSyscallError("prctl PR_SET_CHILD_SUBREAPER", err)
			}
		}
	}
	c, err := r.create(&o.CreateOptions, fg, images)
	if err != nil {
		return -1, err
	}
	defer c.notify.close()
	discard := func() {
		_ = c.Signal(unix.SIGKILL)
		_, _ = c.Wait()
		r.warn(r.delete(o.ID, true))
		if o.PidFile != "" {
			_ = os.Remove(o.PidFile)
		}
	}
	if err := c.notify.listen(); err != nil {
		discard()
		return -1, err
	}
	if images == nil { // what is restored runs already
		if err := c.letRun(r.lockPause(o.ID, unix.LOCK_SH)); err != nil {
			discard()
			return -1, err
		}
	}
	if o.Detach {
		r.warn(c.notify.relay(c.pid, c.pid))
		return 0, nil
	}
	go func() {
		// The service manager is to watch this process, which stays.
		r.warn(c.notify.relay(c.pid, os.Getpid()))
	}()
	code, err = fg.signals.forward(&c.Process, fg, o.Subreaper)
	if err != nil {
		discard()
		return -1, err
	}
	if !o.Keep {
		// Someone else may have deleted it already, and processes that joined
		// it from outside may still live.
		r.warn(r.delete(o.ID, true))
	}
	return code, nil
}

// signalBuffer holds the signals that arrive while a container is created.
const signalBuffer = 2048

type signals struct {
	c   chan os.Signal
	all chan struct{} // closed once all are caught
}

// catchSignals catches all signals of this process. For 65 of them that takes
// 2 ms, so all but SIGCHLD are caught while the container is being created; what
// comes earlier ends this process, before it has made anything.
func catchSignals() *signals {
	s := &signals{make(chan os.Signal, signalBuffer), make(chan struct{})}
	signal.Notify(s.c, unix.SIGCHLD)
	go func() {
		defer close(s.all)
		signal.Notify(s.c)
	}()
	return s
}

func (s *signals) stop() {
	<-s.all
	signal.Stop(s.c)
}

// forward hands signals on to a process until it ends, and returns its exit
// code. Not handed on are SIGCHLD, SIGURG, by which Go preempts its own
// goroutines, and SIGWINCH, which a terminal's resizing sends by itself.
func (s *signals) forward(p *Process, fg *foreground, reap bool) (int, error) {
	type exit struct {
		code int
		err  error
	}
	exited := make(chan exit, 1)
	if !reap {
		go func() {
			code, err := p.Wait()
			exited <- exit{code, err}
		}()
	} else if code, ok := reapChildren(p); ok { // it may be gone already
		return code, nil
	}
	for {
		select {
		case e := <-exited:
			return e.code, e.err
		case sig := <-s.c:
			switch sig {
			case unix.SIGCHLD:
				if !reap {
					continue
				}
				if code, ok := reapChildren(p); ok {
					return code, nil
				}
			case unix.SIGWINCH:
				fg.resize()
			case unix.SIGURG:
			default:
				// It may have ended meanwhile, which is told by other means.
				_ = p.Signal(sig)
			}
		}
	}
}

// reapChildren reaps every child that has ended. It tells the exit code of one
// of them.
func reapChildren(p *Process) (code int, ok bool) {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		switch {
		case err == unix.EINTR:
		case err != nil || pid <= 0:
			return code, ok
		case pid == p.pid:
			code, ok = exitCode(ws), true
			_, _ = p.p.Wait() // for what os/exec has to finish; the status is ours
		}
	}
}
