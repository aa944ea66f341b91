package supervisor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// EventOptions says which events to read.
type EventOptions struct {
	Type     string    // state, alert or warning; empty: all
	Services []string  // none: all
	Since    time.Time // zero: from the beginning
	Follow   bool      // go on with what is written later, until the context ends
}

func (o *EventOptions) wants(e *Event) bool {
	return (o.Type == "" || e.Type == o.Type) &&
		(len(o.Services) == 0 || slices.Contains(o.Services, e.Service)) &&
		!e.Time.Before(o.Since)
}

// ReadEvents hands the events of the log to emit, oldest first, with the line as
// it stands there. It needs no supervisor; no log is no events.
func (p Paths) ReadEvents(ctx context.Context, o EventOptions, emit func(e *Event, line []byte) error) error {
	if err := readEvents(p.events()+".1", o, emit); err != nil {
		return err
	}
	var f *os.File
	var lines *bufio.Reader
	var rest []byte
	defer func() { f.Close() }() // a nil one is no harm
	for {
		if f == nil {
			var err error
			if f, err = os.Open(p.events()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("cannot read the event log: %w", err)
			}
			if f != nil {
				lines = bufio.NewReader(f)
			}
		}
		if f != nil {
			replaced := !isFile(f, p.events()) // asked before the last read, after which nothing is added
			var err error
			if rest, err = emitEvents(lines, rest, o, emit); err != nil {
				return err
			}
			if replaced {
				f.Close()
				f, rest = nil, nil
				continue
			}
		}
		if !o.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followInterval):
		}
	}
}

func readEvents(path string, o EventOptions, emit func(*Event, []byte) error) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the event log: %w", err)
	}
	defer f.Close()
	_, err = emitEvents(bufio.NewReader(f), nil, o, emit)
	return err
}

// emitEvents reads as far as there is something; rest is an unfinished line.
func emitEvents(lines *bufio.Reader, rest []byte, o EventOptions, emit func(*Event, []byte) error) ([]byte, error) {
	for {
		line, err := lines.ReadBytes('\n')
		rest = append(rest, line...)
		if errors.Is(err, io.EOF) {
			return rest, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the event log: %w", err)
		}
		var e Event
		// A line that cannot be read is of a crash of the whole host.
		if json.Unmarshal(rest, &e) == nil && o.wants(&e) {
			if err := emit(&e, rest); err != nil {
				return nil, err
			}
		}
		rest = nil
	}
}

// isFile: an open file is still the one that others find at a path.
func isFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}
