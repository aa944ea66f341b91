package stdio

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// output is one of a program's two: what is read from from goes to to.
type output struct {
	from, to *os.File
}

func (o *output) pump() {
	_ = pump(o.to, o.from) // its end is the program's, or the reader's
	o.from.Close()
}

// openOutputs opens what standard output and error lead to; one file for both
// if they are the same.
func (s *Streams) openOutputs() (err error) {
	if path := s.config.Stdout; path != "" {
		if s.out, err = s.openOutput(path); err != nil {
			return err
		}
	}
	switch path := s.config.Stderr; {
	case path == "" || s.config.Terminal: // which has one output
	case path == s.config.Stdout:
		s.err = &output{to: s.out.to}
	default:
		s.err, err = s.openOutput(path)
	}
	return err
}

// openOutput opens a fifo for both directions: it then neither blocks until
// there is a reader, nor breaks when the reader, containerd, is started again.
func (s *Streams) openOutput(path string) (*output, error) {
	flags := os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		flags = os.O_RDWR | unix.O_NONBLOCK
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open an output: %w", err)
	}
	s.undo.Add(func() error { return closeFile(f) })
	return &output{to: f}, nil
}

// openFile appends both outputs to a file (file://).
func (s *Streams) openFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot open a log: %w", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open a log: %w", err)
	}
	s.undo.Add(func() error { return closeFile(f) })
	s.out = &output{to: f}
	if !s.config.Terminal {
		s.err = &output{to: f}
	}
	return nil
}

// input hands on what is written into a fifo. The shim is a writer as well, so
// that the program sees no end before containerd says so (CloseIO).
type input struct {
	fifo   *os.File
	writer *os.File
	to     *os.File // the program's pipe, nil with a terminal
	once   sync.Once
}

func openInput(path string) (*input, error) {
	r, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the input: %w", err)
	}
	w, err := os.OpenFile(path, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("cannot open the input: %w", err)
	}
	return &input{fifo: r, writer: w}, nil
}

func (i *input) letGo() { i.once.Do(func() { i.writer.Close() }) }

func (i *input) close() error {
	i.letGo()
	return closeFile(i.fifo)
}

func (i *input) pump() {
	_ = pump(i.to, i.fifo)
	i.to.Close()
}
