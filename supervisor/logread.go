package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// LogOptions says which part of the services' output to read.
type LogOptions struct {
	Services []string  // none: all that have a log
	Since    time.Time // to the second; zero: from the beginning
	Lines    int       // the last ones of each; below zero: all
	Follow   bool      // go on with what is written later, until the context ends
}

// followInterval is how often a followed log is looked at.
const followInterval = 200 * time.Millisecond

// ReadLogs hands the services' output to emit, line by line without the line's
// end, service by service and then, followed, as it comes. It needs no supervisor.
func (p Paths) ReadLogs(ctx context.Context, o LogOptions, emit func(service, line string) error) error {
	names := o.Services
	if len(names) == 0 {
		names = p.logged()
	}
	var tails []*tail
	defer func() {
		for _, t := range tails {
			t.close()
		}
	}()
	for _, name := range names {
		t, err := p.openTail(name, o)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot show the log of %q: it has none in %s", name, p.Logs)
		}
		if err != nil {
			return fmt.Errorf("cannot show the log of %q: %w", name, err)
		}
		tails = append(tails, t)
	}
	for {
		for _, t := range tails {
			if err := t.read(!o.Follow, emit); err != nil {
				return err
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

// logged lists the services that have a log.
func (p Paths) logged() []string {
	paths, _ := filepath.Glob(filepath.Join(p.Logs, "*.log")) // the pattern is right
	var names []string
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".log"))
	}
	slices.Sort(names)
	return names
}

// tail reads one service's output: the parts that were rotated away, oldest first,
// and then the file that is written to.
type tail struct {
	name  string
	path  string
	parts []io.Reader
	files []*os.File
	live  *os.File
	at    int64
	rest  []byte   // an unfinished line
	last  []string // what is left of skipTo
}

func (p Paths) openTail(name string, o LogOptions) (_ *tail, err error) {
	path := p.log(name)
	live, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &tail{name: name, path: path, live: live, files: []*os.File{live}}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.at, err = dataStart(live); err != nil {
		return nil, err
	}
	from, start := int64(0), t.at
	if !o.Since.IsZero() {
		if from, err = placeAt(path, o.Since); err != nil {
			return nil, err
		}
		t.at = max(t.at, from)
	}
	if err = t.openParts(from, start); err != nil {
		return nil, err
	}
	if o.Lines >= 0 {
		err = t.skipTo(o.Lines)
	}
	return t, err
}

// openParts prepares to read what was rotated away of the places from one to
// another in the log. A part ends where the one after it begins, the first where
// the file's data begin.
func (t *tail) openParts(from, start int64) error {
	for n := 1; start > from; n++ {
		f, err := os.Open(fmt.Sprintf("%s.%d", t.path, n))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted since, as there are enough others
		}
		if err != nil {
			return err
		}
		t.files = append(t.files, f)
		info, err := f.Stat()
		if err != nil {
			return err
		}
		start -= info.Size()
		skip := max(from-start, 0)
		t.parts = append([]io.Reader{io.NewSectionReader(f, skip, info.Size()-skip)}, t.parts...)
	}
	return nil
}

// skipTo leaves but the last lines of what there is.
func (t *tail) skipTo(lines int) error {
	var last []string
	err := t.read(true, func(_, line string) error {
		if last = append(last, line); len(last) > lines {
			last = last[1:]
		}
		return nil
	})
	t.last = last
	return err
}

func (t *tail) close() {
	for _, f := range t.files {
		f.Close()
	}
}

// read emits all lines that are there; at the end also an unfinished one.
func (t *tail) read(end bool, emit func(service, line string) error) error {
	for _, line := range t.last {
		if err := emit(t.name, line); err != nil {
			return err
		}
	}
	t.last = nil
	info, err := t.live.Stat()
	if err != nil {
		return err
	}
	if info.Size() < t.at { // somebody emptied it
		t.at = 0
	}
	if start, err := dataStart(t.live); err == nil && start > t.at { // rotated since the last look
		if err := t.openParts(t.at, start); err != nil {
			return err
		}
		t.at = start
	}
	for _, part := range t.parts {
		if _, err := t.lines(part, emit); err != nil {
			return err
		}
	}
	for _, f := range t.files[1:] {
		f.Close()
	}
	t.parts, t.files = nil, t.files[:1]
	n, err := t.lines(io.NewSectionReader(t.live, t.at, info.Size()-t.at), emit)
	t.at += n
	if err == nil && end && len(t.rest) > 0 {
		err = emit(t.name, string(t.rest))
		t.rest = nil
	}
	return err
}

// longestLine is where a line without an end is cut.
const longestLine = 1 << 20

func (t *tail) lines(from io.Reader, emit func(service, line string) error) (read int64, err error) {
	block := make([]byte, 64<<10)
	for {
		n, err := from.Read(block)
		read += int64(n)
		t.rest = append(t.rest, block[:n]...)
		for {
			i := bytes.IndexByte(t.rest, '\n')
			next := i + 1
			if i < 0 {
				if len(t.rest) < longestLine {
					break
				}
				i, next = longestLine, longestLine
			}
			if err := emit(t.name, string(t.rest[:i])); err != nil {
				return read, err
			}
			t.rest = t.rest[next:]
		}
		if err != nil {
			return read, ignoreEOF(err)
		}
	}
}

// LastLines are the last lines that a service wrote, of its last 16 KiB; it fails
// with fs.ErrNotExist for one that has no log.
func (p Paths) LastLines(service string, n int) ([]string, error) {
	return lastLines(p.log(service), n)
}

// lastLines are the last lines of a log.
func lastLines(path string, n int) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	start, err := dataStart(f)
	if err != nil {
		return nil, err
	}
	const most = 16 << 10
	from := max(start, info.Size()-most)
	data := make([]byte, max(0, info.Size()-from)) // it may have been rotated since its size was asked
	if k, err := f.ReadAt(data, from); err != nil {
		data = data[:k]
	}
	text := strings.TrimRight(string(data), "\n")
	if text == "" {
		return nil, nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-n):], nil
}
