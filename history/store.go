package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"blackhole/internal/atomicfile"
	"blackhole/internal/fileversion"
)

// version is that of both kinds of files.
const version = 1

// maxFile is what a file may have: more is no record of ours.
const maxFile = 64 << 20

const (
	suffix  = ".jsonl"
	current = "current.json"
	aside   = ".bad"
)

// ErrCorrupt is a file that no version of this program wrote so.
var ErrCorrupt = errors.New("not a record of usage")

// Store is a folder of records.
type Store struct{ Dir string }

type header struct {
	Version int `json:"version"`
}

type underway struct {
	Version int              `json:"version"`
	Hours   map[string]*Hour `json:"hours"` // by service
}

func (s Store) file(service string) string { return filepath.Join(s.Dir, service+suffix) }

// Current reads the hours under way; none for a file that is not there.
func (s Store) Current() (map[string]*Hour, error) {
	path := filepath.Join(s.Dir, current)
	data, err := read(path)
	if err != nil || data == nil {
		return nil, err
	}
	var in underway
	err = json.Unmarshal(data, &in) // goes on after a wrong type
	if verr := checkVersion(path, in.Version); verr != nil {
		return nil, verr
	}
	if err != nil {
		return nil, corrupt(path, err)
	}
	for name, h := range in.Hours {
		if err := h.check(); err != nil {
			return nil, corrupt(path, fmt.Errorf("service %q: %w", name, err))
		}
	}
	return in.Hours, nil
}

// SaveCurrent replaces the hours under way.
func (s Store) SaveCurrent(hours map[string]*Hour) error {
	data, err := json.Marshal(underway{version, hours})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(s.Dir, current), data, 0o644)
}

// Sweep removes what a writer that was killed left. It is for the one who writes.
func (s Store) Sweep() error { return atomicfile.SweepFolder(s.Dir) }

// Past reads the hours of a service that are over, oldest first.
func (s Store) Past(service string) ([]*Hour, error) {
	path := s.file(service)
	data, err := read(path)
	if err != nil || data == nil {
		return nil, err
	}
	return decode(path, data)
}

// Hours reads all hours of a service, the one under way too, oldest first.
func (s Store) Hours(service string) ([]*Hour, error) {
	hours, err := s.Past(service)
	if err != nil {
		return nil, err
	}
	now, err := s.Current()
	if err != nil {
		return nil, err
	}
	if h := now[service]; h != nil {
		hours = put(hours, h)
	}
	return hours, nil
}

// Services lists those that have a record.
func (s Store) Services() ([]string, error) {
	entries, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	now, err := s.Current()
	if err != nil {
		return nil, err
	}
	for name := range now {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Append adds an hour that is over to a service's file and drops what is further
// than keep from it. An hour that the file has already stays the longer of the two,
// so that it does no harm to append one again after a crash.
func (s Store) Append(service string, h *Hour, keep time.Duration) error {
	h.Compact()
	hours, err := s.Past(service)
	if err != nil {
		return err
	}
	hours = drop(put(hours, h), h.Start, keep)
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	err = e.Encode(header{version})
	for _, h := range hours {
		if err == nil {
			err = e.Encode(h)
		}
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	return atomicfile.Write(s.file(service), out.Bytes(), 0o644)
}

// mostDropped is how many hours go at a time. One comes, so two are enough; and a
// clock that is days off for an hour takes so many with it, not the whole record.
const mostDropped = 2

// drop removes hours that are further than keep from the one at a time: those before
// it are old, and those after it are of a clock that was ahead.
func drop(hours []*Hour, at int64, keep time.Duration) []*Hour {
	span := int64(keep / time.Second)
	for range mostDropped {
		switch last := len(hours) - 1; {
		case at-hours[0].Start >= span && last > 0:
			hours = hours[1:]
		case hours[last].Start-at >= span && last > 0:
			hours = hours[:last]
		}
	}
	return hours
}

// put adds an hour in its place.
func put(hours []*Hour, h *Hour) []*Hour {
	i, found := slices.BinarySearchFunc(hours, h.Start, func(a *Hour, start int64) int { return int(a.Start/3600 - start/3600) })
	switch {
	case !found:
		return slices.Insert(hours, i, h)
	case h.Seconds >= hours[i].Seconds:
		hours[i] = h
	}
	return hours
}

// SetAside renames a service's file that cannot be read, or with no service that
// of the hours under way, and tells its new name. An older one is replaced.
func (s Store) SetAside(service string) (string, error) {
	path := filepath.Join(s.Dir, current)
	if service != "" {
		path = s.file(service)
	}
	return path + aside, os.Rename(path, path+aside)
}

// Prune removes the file of a service that was not seen to run since a time, one at
// each call: the clock may be wrong, and right again in an hour.
func (s Store) Prune(since time.Time) error {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		i, ierr := e.Info()
		name := strings.TrimSuffix(e.Name(), aside)
		if ierr == nil && i.Mode().IsRegular() && i.ModTime().Before(since) && (strings.HasSuffix(name, suffix) || name == current) {
			return os.Remove(filepath.Join(s.Dir, e.Name()))
		}
	}
	return err
}

// decode reads a service's file: a line that says its version, then a line for
// each hour, in order.
func decode(path string, data []byte) ([]*Hour, error) {
	if len(data) == 0 {
		return nil, corrupt(path, errors.New("it is empty"))
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	var h header
	err := json.Unmarshal(first, &h)
	if verr := checkVersion(path, h.Version); verr != nil {
		return nil, verr
	}
	if err != nil {
		return nil, corrupt(path, fmt.Errorf("line 1: %w", err))
	}
	var hours []*Hour
	n := 1
	for text := range bytes.Lines(rest) {
		n++
		h, err := decodeHour(text)
		if err != nil {
			return nil, corrupt(path, fmt.Errorf("line %d: %w", n, err))
		}
		if len(hours) > 0 && h.Start <= hours[len(hours)-1].Start {
			return nil, corrupt(path, fmt.Errorf("line %d: hour %d is not later than the one before", n, h.Start))
		}
		hours = append(hours, h)
	}
	return hours, nil
}

// checkVersion: there was never a file without one.
func checkVersion(path string, found int) error {
	if found <= 0 {
		return corrupt(path, errors.New("it has no version"))
	}
	return fileversion.Check(path, found, version)
}

func corrupt(path string, err error) error { return fmt.Errorf("%s: %w: %w", path, ErrCorrupt, err) }

// read reads a whole file; nothing for one that is not there.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = corrupt(path, fmt.Errorf("more than %d bytes", maxFile))
	}
	if data == nil {
		data = []byte{}
	}
	return data, err
}
