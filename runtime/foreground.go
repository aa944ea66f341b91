package runtime

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/containerd/console"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/utils"
)

// foreground connects a caller that stays to the program's streams: through
// pipes, or through a terminal whose other end is put into raw mode. A nil one
// is a caller that does not stay.
type foreground struct {
	stdin, stdout, stderr *os.File

	signals *signals

	copies  sync.WaitGroup // what the program writes
	child   []io.Closer    // the program's ends, to be closed once it has them
	closers []io.Closer

	host    console.Console // the caller's terminal, in raw mode from setup on
	console *console.EpollConsole
	epoller *console.Epoller

	// setup is closed when the program's terminal was received, or setupErr
	// tells why not; nil without a terminal.
	setup    chan struct{}
	setupErr error
}

// ready returns once a signal cannot end this process any more.
func (f *foreground) ready() {
	if f != nil {
		<-f.signals.all
	}
}

// openPipes makes pipes for a program without a terminal. They belong to the
// container's root, who may reopen them by /dev/stdout inside a user namespace.
func (f *foreground) openPipes(p *libcontainer.Process, config *configs.Config) error {
	uid, err := config.HostRootUID()
	if err != nil {
		return err
	}
	gid, err := config.HostRootGID()
	if err != nil {
		return err
	}
	pipes, err := p.InitializeIO(uid, gid)
	if err != nil {
		return fmt.Errorf("cannot make pipes: %w", err)
	}
	for _, end := range []any{p.Stdin, p.Stdout, p.Stderr} {
		f.child = append(f.child, end.(io.Closer))
	}
	f.closers = append(f.closers, pipes.Stdin)
	// The caller's input ends when it ends; nothing can wait for that.
	go func() {
		if f.stdin != nil {
			_, _ = io.Copy(pipes.Stdin, f.stdin)
		}
		pipes.Stdin.Close()
	}()
	f.copy(f.stdout, pipes.Stdout)
	f.copy(f.stderr, pipes.Stderr)
	return nil
}

// copy hands on what the program writes, until nobody holds the other end. A
// caller that has gone away must not stop the program, which gets EPIPE then.
func (f *foreground) copy(to *os.File, from io.ReadCloser) {
	f.copies.Go(func() {
		if to != nil {
			_, _ = io.Copy(to, from)
		}
		from.Close()
	})
}

// openTerminal prepares to receive the terminal that the container makes.
func (f *foreground) openTerminal(p *libcontainer.Process) error {
	host, err := f.hostTerminal()
	if err != nil {
		return fmt.Errorf("config.json: process.terminal is true, but there is no terminal here: %w", err)
	}
	f.host = host
	parent, child, err := utils.NewSockPair("console")
	if err != nil {
		return err
	}
	p.ConsoleSocket = child
	f.child = append(f.child, child)
	f.setup = make(chan struct{})
	go func() {
		defer close(f.setup)
		defer parent.Close()
		f.setupErr = f.receiveTerminal(parent)
	}()
	return nil
}

// hostTerminal is the first of the standard streams that is a terminal, or the
// controlling one if all are redirected.
func (f *foreground) hostTerminal() (console.Console, error) {
	for _, s := range []*os.File{f.stderr, f.stdout, f.stdin} {
		if s == nil {
			continue
		}
		c, err := console.ConsoleFromFile(s)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, console.ErrNotAConsole) {
			return nil, err
		}
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	f.closers = append(f.closers, tty)
	return console.ConsoleFromFile(tty)
}

func (f *foreground) receiveTerminal(socket *os.File) error {
	master, err := receiveFile(socket)
	if err != nil {
		return err
	}
	f.closers = append(f.closers, master)
	c, err := console.ConsoleFromFile(master)
	if err != nil {
		return err
	}
	// The caller's terminal translates line ends already.
	if err := console.ClearONLCR(c.Fd()); err != nil {
		return err
	}
	// A read of a terminal fails with EIO while no process holds the other
	// end, which passes; the epoller waits for the hang-up that does not.
	if f.epoller, err = console.NewEpoller(); err != nil {
		return err
	}
	if f.console, err = f.epoller.Add(c); err != nil {
		return err
	}
	go func() { _ = f.epoller.Wait() }()
	if err := f.host.SetRaw(); err != nil {
		return fmt.Errorf("cannot set the terminal to raw mode: %w", err)
	}
	if f.stdin != nil {
		go func() { _, _ = io.Copy(f.console, f.stdin) }()
	}
	f.copy(f.stdout, f.console)
	return nil
}

// connected waits for the terminal, once the container is created, and lets go
// of the program's ends.
func (f *foreground) connected() error {
	if f == nil {
		return nil
	}
	f.closeChild()
	if f.setup == nil {
		return nil
	}
	<-f.setup
	if f.setupErr != nil {
		return fmt.Errorf("cannot receive the container's terminal: %w", f.setupErr)
	}
	f.resize()
	return nil
}

// resize gives the program's terminal the size of the caller's.
func (f *foreground) resize() {
	if f.console != nil {
		_ = f.console.ResizeFrom(f.host) // the caller's may have hung up
	}
}

func (f *foreground) closeChild() {
	for _, c := range f.child {
		c.Close()
	}
	f.child = nil
}

// close waits until all that the program wrote is handed on, and gives the
// caller's terminal its mode back. It is called once the program is gone.
func (f *foreground) close() {
	f.closeChild() // ends the wait for a terminal that never came
	if f.setup != nil {
		<-f.setup
	}
	if f.console != nil {
		_ = f.console.Shutdown(f.epoller.CloseConsole)
	}
	f.copies.Wait()
	if f.host != nil {
		_ = f.host.Reset()
	}
	for _, c := range f.closers {
		c.Close()
	}
	if f.epoller != nil {
		f.epoller.Close()
	}
}
