package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"blackhole/bundle"
	"blackhole/internal/atomicfile"
	"blackhole/internal/cleanup"
)

// ExecOptions says which process to start in a container that is there. ID and
// one of Process, ProcessFile and Override.Args must be set.
type ExecOptions struct {
	ID string
	// Process is a whole process object (config.json, "process"), which says
	// everything; ProcessFile holds one. Override is left out then.
	Process     *specs.Process
	ProcessFile string
	// Override is what differs from the container's own process.
	Override ProcessOverride
	// Cgroups are cgroups below the container's own, which must exist:
	// PATH on v2, CONTROLLER[,CONTROLLER…]:PATH on v1. None is the container's.
	Cgroups []string
	// IgnorePaused puts the process into a paused container, where it waits.
	IgnorePaused bool
	// Detach returns once the program runs. The streams are then its own.
	Detach bool
	// PidFile, ConsoleSocket, PidfdSocket, Terminal, the streams and ExtraFiles are
	// as in CreateOptions. In the foreground, Stdin is read until it ends.
	PidFile, ConsoleSocket, PidfdSocket string
	Terminal                            *Terminal
	Stdin, Stdout, Stderr               *os.File
	ExtraFiles                          []*os.File
}

// Exec starts a process in a container. In the foreground it forwards all
// signals that the caller gets, waits, and returns the exit code, 128+n after
// signal n; detached, 0.
func (r *Runtime) Exec(o ExecOptions) (int, error) {
	code, err := r.exec(&o)
	if err != nil {
		return -1, fmt.Errorf("cannot exec in container %q: %w", o.ID, err)
	}
	return code, nil
}

// ExecDetached is Exec with Detach for a caller that stays to reap the process.
func (r *Runtime) ExecDetached(o ExecOptions) (*Process, error) {
	o.Detach = true
	p, err := r.execProcess(&o, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot exec in container %q: %w", o.ID, err)
	}
	return p, nil
}

func (r *Runtime) exec(o *ExecOptions) (int, error) {
	if o.Detach {
		_, err := r.execProcess(o, nil)
		return 0, err
	}
	fg := &foreground{stdin: o.Stdin, stdout: o.Stdout, stderr: o.Stderr}
	defer fg.close()
	fg.signals = catchSignals()
	defer fg.signals.stop()
	p, err := r.execProcess(o, fg)
	if err != nil {
		return -1, err
	}
	code, err := fg.signals.forward(p, fg, false)
	if err != nil {
		p.discard(o.PidFile)
		return -1, err
	}
	return code, nil
}

// execProcess starts the process; fg is nil for a caller that does not stay.
func (r *Runtime) execProcess(o *ExecOptions, fg *foreground) (_ *Process, err error) {
	if !cgroups.IsCgroup2UnifiedMode() { // there clone3(2) makes the process in its cgroup
		expectAttach()
	}
	if err := checkID(o.ID); err != nil {
		return nil, err
	}
	threads := spareThreads()
	if !o.IgnorePaused {
		unlock := r.lockPause(o.ID, unix.LOCK_SH)
		defer unlock()
	}
	c, err := r.load(o.ID)
	if err != nil {
		return nil, err
	}
	if err := mayExec(c, o.IgnorePaused); err != nil {
		return nil, err
	}
	spec, err := o.process(c)
	if err != nil {
		return nil, err
	}
	if err := checkHost(spec); err != nil {
		return nil, err
	}
	if err := checkExecTerminal(spec.Terminal, o); err != nil {
		return nil, err
	}
	process, err := newProcess(spec)
	if err != nil {
		return nil, err
	}
	if !hasHome(process.Env) {
		state, err := c.State()
		if err != nil {
			return nil, err
		}
		process.Env = append(process.Env, "HOME="+homeBelow("/proc/"+strconv.Itoa(state.InitProcessPid)+"/root", process.UID))
	}
	if process.SubCgroupPaths, err = subCgroups(o.Cgroups); err != nil {
		return nil, err
	}
	passFiles(process, nil, o.ExtraFiles)

	var undo cleanup.Stack
	defer func() {
		if err != nil {
			r.warn(undo.Run())
		}
	}()
	config := c.Config()
	program := r.compiled(config.Seccomp)
	var closers []io.Closer
	defer closeAll(&closers)
	closers, err = connect(process, spec, &CreateOptions{
		ConsoleSocket: o.ConsoleSocket, PidfdSocket: o.PidfdSocket, Terminal: o.Terminal,
		Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr,
	}, fg, &config)
	if err != nil {
		return nil, err
	}
	fg.ready()
	<-threads
	closers = append(closers, program.handOn(process)...)
	if err := reaping(func() error { return c.Run(process) }); err != nil {
		return nil, err
	}
	program.keep()
	p := &Process{p: process}
	undo.Add(func() error { p.discard(""); return nil })
	if p.pid, err = process.Pid(); err != nil {
		return nil, err
	}
	if err := fg.connected(); err != nil {
		return nil, err
	}
	if o.PidFile != "" {
		if err := atomicfile.Create(o.PidFile, []byte(strconv.Itoa(p.pid)), 0o644); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// mayExec: there must be a first process to join. The program of a created
// container has not started, but its namespaces are there.
func mayExec(c *libcontainer.Container, ignorePaused bool) error {
	status, err := c.Status()
	switch {
	case err != nil:
		return err
	case status == libcontainer.Stopped:
		return fmt.Errorf("%w: it has stopped", libcontainer.ErrNotRunning)
	case status == libcontainer.Paused && !ignorePaused:
		return errors.New("container is paused; resume it first, or use --ignore-paused")
	}
	return nil
}

// process is what is to be started.
func (o *ExecOptions) process(c *libcontainer.Container) (*specs.Process, error) {
	if o.Process != nil {
		return o.Process, bundle.CheckProcess(o.Process)
	}
	if o.ProcessFile != "" {
		return bundle.LoadProcess(o.ProcessFile)
	}
	dir := bundleOf(c)
	if dir == "" {
		return nil, errors.New("its bundle is unknown; give the whole process by --process")
	}
	spec, err := bundle.Load(dir)
	if err != nil {
		return nil, err
	}
	if err := o.Override.apply(spec.Process); err != nil {
		return nil, err
	}
	return spec.Process, bundle.CheckProcess(spec.Process)
}

// checkExecTerminal: a terminal needs someone who holds its other end.
func checkExecTerminal(terminal bool, o *ExecOptions) error {
	switch {
	case terminal && o.Detach && o.ConsoleSocket == "" && o.Terminal == nil:
		return errors.New("a detached process has a terminal only with a console socket to hand it to (--console-socket)")
	case o.ConsoleSocket != "" && !terminal:
		return fmt.Errorf("console socket %s without a terminal (--tty)", o.ConsoleSocket)
	case o.ConsoleSocket != "" && !o.Detach:
		return fmt.Errorf("console socket %s for a process that is not detached", o.ConsoleSocket)
	}
	return nil
}

// discard ends a process that was started in vain.
func (p *Process) discard(pidFile string) {
	_ = p.p.Signal(os.Kill)
	_, _ = p.p.Wait()
	if pidFile != "" {
		_ = os.Remove(filepath.Clean(pidFile))
	}
}
