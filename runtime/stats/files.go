package stats

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// folder reads the files of one cgroup and keeps the first real error, so
// that a reader of twenty files checks once. A file that is not there, or not
// any more, is absent.
type folder struct {
	path string
	err  error
}

func (d *folder) read(name string) []byte {
	if d.path == "" || d.err != nil {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(d.path, name))
	switch {
	case err == nil:
		return data
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP):
		// ENODEV: the cgroup was removed while the file was open;
		// EOPNOTSUPP: pressure accounting is compiled in but off.
		return nil
	}
	d.err = err
	return nil
}

// number reads a file of one number. Absent where it says "max".
func (d *folder) number(name string) *uint64 {
	text := strings.TrimSpace(string(d.read(name)))
	if text == "" || text == "max" {
		return nil
	}
	return d.parse(name, text)
}

// parse also accepts negative numbers, which v1 uses for "no limit": absent.
func (d *folder) parse(name, text string) *uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		if _, serr := strconv.ParseInt(text, 10, 64); serr != nil && d.err == nil {
			d.err = fmt.Errorf("cannot read %s: not a number: %q", filepath.Join(d.path, name), text)
		}
		return nil
	}
	return &n
}

// keyed reads a flat-keyed file ("usage_usec 12") into the figures of want.
func (d *folder) keyed(name string, want map[string]**uint64) (found bool) {
	for line := range lines(d.read(name)) {
		key, text, _ := strings.Cut(line, " ")
		if to, ok := want[key]; ok {
			*to = d.parse(name, text)
			found = true
		}
	}
	return found
}

// lines are the non-empty lines of a file.
func lines(data []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(data) {
			if text := strings.TrimSpace(string(line)); text != "" && !yield(text) {
				return
			}
		}
	}
}

// pressure reads a PSI file:
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=0
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=0
func (d *folder) pressure(name string) *Pressure {
	var p Pressure
	for line := range lines(d.read(name)) {
		var s Stall
		var kind string
		if _, err := fmt.Sscanf(line, "%s avg10=%g avg60=%g avg300=%g total=%d", &kind, &s.Avg10, &s.Avg60, &s.Avg300, &s.TotalNS); err != nil {
			d.err = fmt.Errorf("cannot read %s: unexpected line %q", filepath.Join(d.path, name), line)
			return nil
		}
		s.TotalNS *= 1000 // the kernel gives microseconds
		switch kind {
		case "some":
			p.Some = &s
		case "full":
			p.Full = &s
		}
	}
	if p == (Pressure{}) {
		return nil
	}
	return &p
}

// times multiplies a figure that may be absent.
func times(n *uint64, by uint64) *uint64 {
	if n == nil {
		return nil
	}
	m := *n * by
	return &m
}
