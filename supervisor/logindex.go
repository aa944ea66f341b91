package supervisor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"
)

// indexSuffix names the file beside a log that says when it grew: lines of a
// time (milliseconds since 1970) and of two places in the log. What stands
// between them was written by that time, and after the time of the line above.
// The service's own lines carry no time. Places count from the log's beginning,
// the hole included, so they hold across rotations.
const indexSuffix = ".index"

// indexMax is at which the index loses its older half.
const indexMax = 256 << 10

// mark writes down that the log has this size now.
func (l *logFile) mark(now time.Time, size int64) error {
	if size == l.marked {
		return nil
	}
	if info, err := l.index.Stat(); err == nil && info.Size() > indexMax {
		if err := l.halveIndex(); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(l.index, "%d %d %d\n", now.UnixMilli(), l.marked, size); err != nil {
		return err
	}
	l.marked = size
	return nil
}

func (l *logFile) halveIndex() error {
	rest := make([]byte, indexMax)
	n, err := l.index.ReadAt(rest, indexMax/2)
	if err := ignoreEOF(err); err != nil {
		return err
	}
	rest = rest[:n]
	for i, c := range rest {
		if c == '\n' {
			rest = rest[i+1:]
			break
		}
	}
	if err := l.index.Truncate(0); err != nil {
		return err
	}
	_, err = l.index.Write(rest)
	return err
}

// placeAt is the place in a log from which on it was written at or after a time,
// to the second in which the supervisor looked. Without an index it is 0.
func placeAt(log string, since time.Time) (int64, error) {
	f, err := os.Open(log + indexSuffix)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, 2*indexMax))
	for lines.Scan() {
		if ms, at, _, ok := readMark(lines.Text()); ok && ms >= since.UnixMilli() {
			return at, nil
		}
	}
	return lastMark(log)
}

// readMark reads a line of an index.
func readMark(line string) (ms, from, to int64, ok bool) {
	_, err := fmt.Sscan(line, &ms, &from, &to)
	return ms, from, to, err == nil && from >= 0 && to >= from
}

// lastMark is up to where the index tells of a log.
func lastMark(log string) (int64, error) {
	data, err := os.ReadFile(log + indexSuffix)
	if err != nil {
		return 0, err
	}
	var last int64
	for line := range strings.Lines(string(data)) {
		if _, _, to, ok := readMark(line); ok {
			last = to
		}
	}
	return last, nil
}

func owner(info fs.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Gid
	}
	return 0
}
