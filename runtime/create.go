package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"blackhole/bundle"
	"blackhole/internal/atomicfile"
	"blackhole/internal/cleanup"
	"blackhole/internal/headroom"
	"blackhole/runtime/ahead"
)

// What a start takes, at most, of the process that makes it: a thread that it
// cannot have must end it before there is something to undo, and a descriptor too
// many is EBADF in a child, which says nothing.
const (
	threadsNeeded     = 10
	descriptorsNeeded = 24
)

// CreateOptions says which container to create. ID and Bundle must be set.
type CreateOptions struct {
	// ID is the container's name: letters, digits and _+-. alone.
	ID string
	// Bundle is the folder with config.json.
	Bundle string
	// Spec is what config.json says, for a caller that has loaded it with
	// bundle.Load, and may have changed it; nil is to load it.
	Spec *specs.Spec
	// PidFile, if set, is written with the first process's id before its
	// program starts, whole or not at all.
	PidFile string
	// ConsoleSocket is a Unix socket that receives the terminal's master end
	// as SCM_RIGHTS; config.json must ask for a terminal.
	ConsoleSocket string
	// Terminal receives it in this process, instead of ConsoleSocket.
	Terminal *Terminal
	// PidfdSocket is a Unix socket that receives a pidfd of the first process.
	PidfdSocket string
	// NoPivot enters the root file system by chroot(2): pivot_root(2) does not
	// work on a ramdisk, and chroot can be broken out of.
	NoPivot bool
	// NoNewKeyring leaves the caller's session keyring to the container.
	NoNewKeyring bool
	// Stdin, Stdout and Stderr become the program's own; nil is /dev/null.
	Stdin, Stdout, Stderr *os.File
	// ListenFiles become descriptors 3 and up, announced by LISTEN_FDS
	// (sd_listen_fds(3)); ExtraFiles follow them unannounced.
	ListenFiles, ExtraFiles []*os.File
	// NotifySocket is the socket of a service manager (sd_notify(3)) to which
	// READY=1 of the container is handed on; see Runtime.Start.
	NotifySocket string

	// plain leaves mounts and cgroups to libcontainer: what a test compares with.
	plain bool
}

// Create makes a container whose program waits for Start, and returns its
// first process for a caller that stays to reap it. What a failure or even
// SIGKILL interrupts leaves nothing that Delete would not remove; a failure
// undoes it at once.
func (r *Runtime) Create(o CreateOptions) (*Process, error) {
	c, err := r.create(&o, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot create container %q: %w", o.ID, err)
	}
	return &c.Process, nil
}

// spareThreads sees to threads beside what only reads; they are there once the channel
// is closed.
func spareThreads() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		headroom.Threads(threadsNeeded)
		close(done)
	}()
	return done
}

// created is a container whose program waits.
type created struct {
	Process
	notify *notifySocket // nil without NotifySocket
}

// create does everything up to the start of the program, or with images up to
// when its processes run again. io is how a caller that stays in the foreground
// is connected to the program; nil for others.
func (r *Runtime) create(o *CreateOptions, io *foreground, images *libcontainer.CriuOpts) (_ *created, err error) {
	if err := checkID(o.ID); err != nil {
		return nil, err
	}
	threads := spareThreads()
	if o.Bundle, err = filepath.Abs(o.Bundle); err != nil {
		return nil, err
	}
	spec := o.Spec
	if spec == nil {
		if spec, err = bundle.Load(o.Bundle); err != nil {
			return nil, err
		}
	}
	if err := checkHost(spec.Process); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if err := checkHooks(spec.Hooks); err != nil {
		return nil, err
	}
	if err := checkTerminal(spec.Process.Terminal, io != nil || o.Terminal != nil, o.ConsoleSocket); err != nil {
		return nil, err
	}
	notify := newNotifySocket(r.Root, o.ID, o.NotifySocket)
	notify.addTo(spec)
	process, err := newProcess(spec.Process)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	process.Init = true
	passFiles(process, o.ListenFiles, o.ExtraFiles)
	config, err := r.config(o, spec)
	if err != nil {
		return nil, err
	}
	if !hasHome(process.Env) {
		if home, ok := homeBeforeMounts(config, process.UID); ok {
			process.Env = append(process.Env, "HOME="+home)
		}
	}

	var (
		undo cleanup.Stack
		lock *rootLock
		rec  *record
		work *ahead.Work
	)
	defer func() { work.Close() }() // after all that is undone
	defer func() {                  // the locks are held until all is undone
		if err != nil {
			r.warn(undo.Run())
		}
		rec.unlock()
		lock.unlock()
	}()
	cgroup, err := manager.New(config.Cgroups)
	if err != nil {
		return nil, err
	}
	closers, err := connect(process, spec.Process, o, io, config)
	defer closeAll(&closers)
	if err != nil {
		return nil, err
	}

	if keys := unheld(spec.Linux.Resources); keys != nil {
		r.warn(fmt.Errorf("config.json: linux.resources: %s", noSuchLimit(keys)))
	}
	io.ready() // before anything is made
	<-threads
	if err := headroom.Descriptors(descriptorsNeeded); err != nil {
		return nil, err
	}
	profile := config.Seccomp
	if images != nil {
		profile = nil // what is restored has its filter
	}
	compiled := make(chan *compiledFilter, 1)
	go func() { compiled <- r.compiled(profile) }() // beside the rest
	lock, err = r.lockRoot()
	if err != nil {
		return nil, err
	}
	undo.Add(lock.removeMade)
	data := newRecordData(config, cgroup)
	markHooks(config, filepath.Join(r.Root, o.ID))
	wanted := kernelMounts(config) // before a part of the mounts is taken out
	if images == nil && !o.plain {
		work = ahead.Plan(config, cgroup)
		data.Whole = work.Whole()
	}
	rec, err = r.newRecord(o.ID, data)
	if err != nil {
		return nil, err
	}
	undo.Add(func() error {
		if rec.destroying {
			return nil // removed with the container, or kept to try again
		}
		return rec.remove()
	})
	work.Begin() // beside libcontainer's own work
	network := r.beginNetwork(o.ID, spec.Hooks, config, work)
	undo.Add(network.undo)
	born := images == nil && !o.plain && canBeBorn(config) && (network != nil || !runsHooks(config)) // its own hook is taken over
	var out *outside
	switch {
	case !born:
		expectAttach()
	case cgroups.IsCgroup2UnifiedMode():
		if out, err = newOutside(r.Root, o.ID, config); err != nil {
			return nil, err
		}
	}
	container, err := libcontainer.Create(r.Root, o.ID, config)
	if err != nil {
		return nil, err
	}
	undo.Add(func() error {
		work.Wait()
		_ = process.Signal(unix.SIGKILL)
		_, _ = process.Wait()
		return r.destroy(container, rec, lock, true)
	})
	work.MakeCgroups()
	if err := notify.makeDir(); err != nil {
		return nil, err
	}
	if err := work.Apply(config); err != nil {
		logrus.Debug(err)
		if err := network.undo(); err != nil {
			return nil, err
		}
		network = nil
	}
	if err := network.takeOver(config); err != nil {
		return nil, err
	}
	born = born && !runsHooks(config)
	if born && !work.MadeCgroups() {
		if err := cgroup.Apply(-1); err != nil { // makes them, moves nobody
			return nil, fmt.Errorf("unable to apply cgroup configuration: %w", explainCgroup(err))
		}
	}
	program := <-compiled
	if images == nil {
		closers = append(closers, program.handOn(process)...)
	}
	started := container
	switch {
	case images != nil:
		err = container.Restore(process, images)
	case born:
		started, err = r.startBorn(container, out, process, config, cgroup)
	default:
		err = container.Start(process)
	}
	if err != nil {
		reapStrays(firstStray, allChildren)
		return nil, explainCgroup(err)
	}
	rec.markParents()
	if low := config.Cgroups.Resources; low.MemoryReservation > 0 || low.Unified[lowFile] != "" {
		if err := shareLow(rec.CgroupPaths); err != nil {
			return nil, err
		}
	}
	if err := io.connected(); err != nil {
		return nil, err
	}
	pid, err := process.Pid()
	if err != nil {
		return nil, err
	}
	if err := network.adopt(pid); err != nil {
		return nil, err
	}
	if images == nil {
		if err := checkKernelMounts(wanted, pid); err != nil {
			return nil, err
		}
	}
	if o.PidFile != "" {
		if err := atomicfile.Create(o.PidFile, []byte(strconv.Itoa(pid)), 0o644); err != nil {
			return nil, err
		}
	}
	program.keep()
	return &created{Process{process, pid, started, &rec.recordData}, notify}, nil
}

// checkTerminal: a terminal needs someone who holds its other end.
func checkTerminal(terminal, here bool, socket string) error {
	switch {
	case terminal && !here && socket == "":
		return errors.New("config.json: process.terminal is true, but there is no console socket to hand the terminal to (--console-socket)")
	case socket != "" && !terminal:
		return fmt.Errorf("console socket %s without a terminal: config.json: process.terminal is false", socket)
	case socket != "" && here:
		return fmt.Errorf("console socket %s for a container that is not detached", socket)
	}
	return nil
}

// passFiles hands descriptors on, in sd_listen_fds(3)'s way those that a
// service manager listens on.
func passFiles(p *libcontainer.Process, listen, extra []*os.File) {
	if len(listen) > 0 {
		p.Env = append(p.Env, "LISTEN_FDS="+strconv.Itoa(len(listen)), "LISTEN_PID=1")
	}
	p.ExtraFiles = append(p.ExtraFiles, listen...)
	p.ExtraFiles = append(p.ExtraFiles, extra...)
}

// connect gives the process its standard streams and sockets. What it opened
// is to be closed once the process is started or not to be.
func connect(p *libcontainer.Process, spec *specs.Process, o *CreateOptions, fg *foreground, config *configs.Config) (closers []io.Closer, err error) {
	switch {
	case fg != nil && spec.Terminal:
		err = fg.openTerminal(p)
	case fg != nil:
		err = fg.openPipes(p, config)
	case spec.Terminal && o.Terminal != nil:
		p.ConsoleSocket = o.Terminal.theirs
		closers = append(closers, p.ConsoleSocket) // or nothing would end the wait for it
	case spec.Terminal:
		p.ConsoleSocket, err = dial(o.ConsoleSocket)
		if err != nil {
			return nil, fmt.Errorf("cannot reach the console socket: %w", err)
		}
		closers = append(closers, p.ConsoleSocket)
	default:
		inherit(p, o.Stdin, o.Stdout, o.Stderr)
	}
	if err == nil && o.PidfdSocket != "" {
		p.PidfdSocket, err = dial(o.PidfdSocket)
		if err != nil {
			return closers, fmt.Errorf("cannot reach the pidfd socket: %w", err)
		}
		closers = append(closers, p.PidfdSocket)
	}
	return closers, err
}

func closeAll(closers *[]io.Closer) {
	for _, c := range *closers {
		c.Close()
	}
}

// inherit sets the streams that are there: a nil *os.File in an interface
// would not be nil.
func inherit(p *libcontainer.Process, stdin, stdout, stderr *os.File) {
	if stdin != nil {
		p.Stdin = stdin
	}
	if stdout != nil {
		p.Stdout = stdout
	}
	if stderr != nil {
		p.Stderr = stderr
	}
}
