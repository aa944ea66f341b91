package stats

import (
	"bytes"
	"fmt"
	"iter"
	"path/filepath"
	"strconv"
)

// number reads a file of one number. Absent where it says "max".
func (d *folder) number(name string) *uint64 {
	text := bytes.TrimSpace(d.read(name))
	if len(text) == 0 || string(text) == "max" {
		return nil
	}
	return d.parse(name, text)
}

// parse also accepts negative numbers, which v1 uses for "no limit": absent.
func (d *folder) parse(name string, text []byte) *uint64 {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		if _, serr := strconv.ParseInt(string(text), 10, 64); serr != nil {
			d.badNumber(name, text)
		}
		return nil
	}
	return d.r.figure(n)
}

// figure is a place for one figure. Those of one reading share their memory.
func (r *reader) figure(n uint64) *uint64 {
	if len(r.figures) == cap(r.figures) {
		r.figures = make([]uint64, 0, 32) // as many as a reading has, about
	}
	r.figures = append(r.figures, n)
	return &r.figures[len(r.figures)-1]
}

// keys are the figures to take out of a flat-keyed file ("usage_usec 12").
type keys []struct {
	name string
	to   **uint64
}

func (d *folder) keyed(name string, want keys) (found bool) {
	return d.take(name, d.read(name), want)
}

func (d *folder) take(name string, text []byte, want keys) (found bool) {
	missing := len(want)
	for line := range lines(text) {
		key, text, _ := bytes.Cut(line, []byte(" "))
		for _, k := range want {
			if string(key) == k.name {
				*k.to = d.parse(name, text)
				found = true
				missing--
			}
		}
		if missing == 0 {
			break // memory.stat has forty more
		}
	}
	return found
}

// firstNumber is that of a file that begins with a key, or none, and a number.
func firstNumber(text []byte, key string) (n uint64, ok bool) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	line, ok = bytes.CutPrefix(line, []byte(key))
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(string(line), 10, 64)
	return n, err == nil
}

// lines are the non-empty lines of a file.
func lines(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			line, rest, _ := bytes.Cut(data, []byte("\n"))
			data = rest
			if line = bytes.TrimSpace(line); len(line) > 0 && !yield(line) {
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
	var p *Pressure
	for line := range lines(d.read(name)) {
		if p == nil {
			p = &Pressure{}
		}
		s, kind, ok := stall(line)
		if !ok {
			d.err = fmt.Errorf("cannot read %s: unexpected line %q", filepath.Join(d.path, name), line)
			return nil
		}
		switch kind {
		case "some":
			p.Some = s
		case "full":
			p.Full = s
		}
	}
	return p
}

func stall(line []byte) (_ *Stall, kind string, ok bool) {
	head, rest, _ := bytes.Cut(line, []byte(" "))
	s := &Stall{}
	seen := 0
	for len(rest) > 0 {
		var field []byte
		field, rest, _ = bytes.Cut(rest, []byte(" "))
		key, text, _ := bytes.Cut(field, []byte("="))
		var err error
		switch string(key) {
		case "avg10":
			s.Avg10, err = strconv.ParseFloat(string(text), 64)
		case "avg60":
			s.Avg60, err = strconv.ParseFloat(string(text), 64)
		case "avg300":
			s.Avg300, err = strconv.ParseFloat(string(text), 64)
		case "total":
			s.TotalNS, err = strconv.ParseUint(string(text), 10, 64)
			s.TotalNS *= 1000 // the kernel gives microseconds
		default:
			continue
		}
		if err != nil {
			return nil, "", false
		}
		seen++
	}
	return s, string(head), seen == 4
}

// times multiplies a figure that may be absent.
func times(n *uint64, by uint64) {
	if n != nil {
		*n *= by
	}
}
