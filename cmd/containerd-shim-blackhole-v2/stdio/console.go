package stdio

import (
	"fmt"
	"io"
	"sync"

	"github.com/containerd/console"
)

// Consoles watches terminals: reading one fails with EIO while no process holds
// its other end, which passes; the epoller waits for the hang-up that does not.
// It starts with the first.
type Consoles struct {
	mu      sync.Mutex
	epoller *console.Epoller
}

func (c *Consoles) add(terminal console.Console) (*console.EpollConsole, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoller == nil {
		e, err := console.NewEpoller()
		if err != nil {
			return nil, err
		}
		c.epoller = e
		go func() { _ = e.Wait() }()
	}
	return c.epoller.Add(terminal)
}

// startConsole takes the program's terminal and copies both ways.
func (s *Streams) startConsole() error {
	master, err := s.Terminal.Receive()
	if err != nil {
		return fmt.Errorf("cannot receive the terminal: %w", err)
	}
	s.undo.Add(func() error { return closeFile(master) })
	terminal, err := console.ConsoleFromFile(master)
	if err != nil {
		return fmt.Errorf("cannot use the terminal: %w", err)
	}
	c, err := s.config.Consoles.add(terminal)
	if err != nil {
		return fmt.Errorf("cannot watch the terminal: %w", err)
	}
	s.mu.Lock()
	s.console = c
	s.mu.Unlock()
	if s.in != nil {
		go func() { _, _ = io.CopyBuffer(c, onlyReader{s.in.fifo}, make([]byte, 4096)) }()
	}
	to := io.Discard // or a full terminal would stop the program
	if s.out != nil {
		to = s.out.to
	}
	s.copies.Go(func() { _, _ = io.CopyBuffer(onlyWriter{to}, onlyReader{c}, make([]byte, 4096)) })
	return nil
}

// Resize gives the terminal a size in characters. Without a terminal it does
// nothing.
func (s *Streams) Resize(width, height uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.console == nil {
		return nil
	}
	return s.console.Resize(console.WinSize{Width: width, Height: height})
}

// Hangup is called once the program is gone: what is left in the terminal is
// read, and no more waited for. It may be called twice.
func (s *Streams) Hangup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.console != nil {
		_ = s.console.Shutdown(s.config.Consoles.epoller.CloseConsole)
		s.console = nil
	}
}
