// Package stdio connects the standard streams of a container's processes to
// what containerd names: fifos, a file (file://) or a logging program
// (binary://), and terminals.
//
// The programs get pipes, not the fifos themselves: their user may open them
// again as /dev/stdout, and whoever reads a fifo sees its end when the shim
// lets go of it, even while a program's child holds its output open.
package stdio

import (
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/containerd/console"

	"blackhole/internal/cleanup"
	"blackhole/runtime"
)

// Config says what to connect a process to, in the words of containerd's task
// API. Empty paths are /dev/null.
type Config struct {
	Stdin, Stdout, Stderr string
	Terminal              bool
	// UID and GID own the pipes.
	UID, GID int
	// ID and Namespace tell a logging program whose output it gets.
	ID, Namespace string
	// Consoles watches the terminals of a whole shim.
	Consoles *Consoles
}

// Streams are a process's. Its zero value is one without any.
type Streams struct {
	// Stdin, Stdout and Stderr are the program's ends, nil for /dev/null.
	Stdin, Stdout, Stderr *os.File
	// Terminal receives the program's, nil without one.
	Terminal *runtime.Terminal

	config   Config
	undo     cleanup.Stack // what is open
	closing  sync.Once
	in       *input
	out, err *output
	logger   *logger
	copies   sync.WaitGroup // of what the program writes

	mu      sync.Mutex
	console *console.EpollConsole
}

// Open opens all that the streams lead to, so that what cannot be opened is
// known before there is a process. Close is due after an error of the caller's.
func Open(c Config) (_ *Streams, err error) {
	s := &Streams{config: c}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	to, err := target(c.Stdout)
	if err != nil {
		return nil, err
	}
	if to.Scheme == "fifo" {
		s.config.Stdout = to.Path
	}
	if c.Stdin != "" {
		if s.in, err = openInput(c.Stdin); err != nil {
			return nil, err
		}
		s.undo.Add(s.in.close)
	}
	switch to.Scheme {
	case "binary", "binary-v2":
		err = s.openLogger(to)
	case "file":
		err = s.openFile(to.Path)
	default:
		err = s.openOutputs()
	}
	if err != nil {
		return nil, err
	}
	if c.Terminal {
		if s.Terminal, err = runtime.NewTerminal(); err != nil {
			return nil, fmt.Errorf("cannot make a socket for the terminal: %w", err)
		}
		s.undo.Add(s.Terminal.Close)
		return s, nil
	}
	return s, s.openPipes()
}

// target reads where output goes; a path alone is a fifo's.
func target(stdout string) (*url.URL, error) {
	u, err := url.Parse(stdout)
	if err != nil {
		return nil, fmt.Errorf("cannot read the address of standard output: %w", err)
	}
	switch u.Scheme {
	case "", "fifo":
	case "file", "binary", "binary-v2":
		if u.Path == "" {
			return nil, fmt.Errorf("standard output %q names no path", stdout)
		}
	default:
		return nil, fmt.Errorf("standard output %q: unknown scheme %q, known are fifo, file and binary", stdout, u.Scheme)
	}
	return u, nil
}

// openPipes makes the program's ends. A logging program reads the pipes itself.
func (s *Streams) openPipes() error {
	var err error
	if s.in != nil {
		if s.Stdin, s.in.to, err = s.pipe(); err != nil {
			return err
		}
	}
	for _, o := range []struct {
		out *output
		end **os.File
	}{{s.out, &s.Stdout}, {s.err, &s.Stderr}} {
		if o.out == nil {
			continue
		}
		if o.out.from, *o.end, err = s.pipe(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Streams) pipe() (r, w *os.File, err error) {
	r, w, err = os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	s.undo.Add(func() error { return closeFile(r) })
	s.undo.Add(func() error { return closeFile(w) })
	if s.config.UID != 0 || s.config.GID != 0 {
		for _, f := range []*os.File{r, w} {
			if err := f.Chown(s.config.UID, s.config.GID); err != nil {
				return nil, nil, fmt.Errorf("cannot give a pipe to %d:%d: %w", s.config.UID, s.config.GID, err)
			}
		}
	}
	return r, w, nil
}

// Started is called once the process is there: it lets go of the program's ends
// and begins to copy.
func (s *Streams) Started() error {
	for _, f := range []*os.File{s.Stdin, s.Stdout, s.Stderr} {
		if f != nil {
			_ = closeFile(f)
		}
	}
	if s.logger != nil {
		s.logger.letGo()
	}
	if s.Terminal != nil {
		err := s.startConsole()
		go s.finish()
		return err
	}
	if s.in != nil {
		go s.in.pump()
	}
	for _, o := range []*output{s.out, s.err} {
		if o != nil && o.from != nil {
			s.copies.Go(o.pump)
		}
	}
	go s.finish()
	return nil
}

// finish lets the reader of the outputs see their end: CRI's ExecSync waits for
// that before it deletes the process.
func (s *Streams) finish() {
	s.copies.Wait()
	for _, o := range []*output{s.out, s.err} {
		if o != nil {
			_ = closeFile(o.to)
		}
	}
}

// CloseStdin lets the program see the end of its input once whoever writes it
// has let go of the fifo too.
func (s *Streams) CloseStdin() {
	if s.in != nil {
		s.in.letGo()
	}
}

// Drain waits until all that the program wrote is handed on, and tells whether
// that is so: a child of its may hold its output open for ever.
func (s *Streams) Drain(patience time.Duration) bool {
	done := make(chan struct{})
	go func() {
		s.copies.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(patience):
		return false
	}
}

// Close lets go of everything; a logging program is waited for. It may be called
// twice.
func (s *Streams) Close() {
	s.closing.Do(func() {
		s.Hangup()
		_ = s.undo.Run() // ends what still copies
		if s.logger != nil {
			s.logger.end()
		}
	})
}

// closeFile closes a file that may be closed already.
func closeFile(f *os.File) error {
	_ = f.Close()
	return nil
}
