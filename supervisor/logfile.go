package supervisor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// logFile is the output of one service. The service writes to it itself, through
// a descriptor of its own (O_APPEND), so that nothing stands between the two: it
// goes on when the supervisor dies.
//
// Rotation has to do without the service's help, which neither reopens its
// output nor can be made to wait. The oldest part of the file is copied to
// NAME.log.1 and then taken out of the file by punching a hole where it was
// (fallocate(2), FALLOC_FL_PUNCH_HOLE): what is copied is never written again and
// what is written meanwhile is behind it, so no line is lost or torn. The file
// keeps its apparent size and gives back the space. Copying and truncating, as
// logrotate's copytruncate does, loses what is written between the two.
type logFile struct {
	path     string
	f        *os.File
	fd       int   // of f
	start    int64 // before it is the hole
	maxSize  int64
	maxFiles int

	// quiet: it has been still for long, and whoever await has asked, the kernel,
	// will tell of its next change, by setting this back. Nobody need look at it.
	quiet atomic.Bool
	await func(*logFile) error // nil: nobody can be asked

	mu          sync.Mutex // from here on, and start
	closed      bool
	index       *os.File // see mark
	marked      int64
	still       int // looks on end that found it as it was
	unsupported bool
}

// stillLooks is how many looks on end find a log as it was before the kernel is
// asked to tell of it: to be told costs more than a look, so it does not pay for
// one that is written to now and then.
const stillLooks = 30

// openLog opens a service's log, or makes it.
func openLog(path string, maxSize int64, maxFiles uint, gid int) (_ *logFile, err error) {
	f, err := openOwn(path, os.O_CREATE|os.O_RDWR|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	l := &logFile{path: path, f: f, fd: int(f.Fd()), maxSize: maxSize, maxFiles: int(maxFiles)}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.index, err = openOwn(path+indexSuffix, os.O_CREATE|os.O_RDWR|os.O_APPEND); err != nil {
		return nil, err
	}
	if gid >= 0 {
		if err = errors.Join(f.Chown(-1, gid), l.index.Chown(-1, gid)); err != nil {
			return nil, err
		}
	}
	if l.start, err = dataStart(f); err != nil {
		return nil, err
	}
	last, err := lastMark(path)
	if err != nil {
		return nil, err
	}
	l.marked = max(l.start, last)
	return l, nil
}

// openOwn opens a file of the log folder. Whoever may write to that folder must
// not choose which other file of the host is written to: a link is refused, and
// so is what is no file, such as a FIFO, which would be waited for.
func openOwn(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if errors.Is(err, unix.ELOOP) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is a link, which could lead to any file")}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("it is not a file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// forService opens the log once more for a service to write to. The descriptor's
// flags and place are then the service's alone: with those of this one it could
// have us read by O_DIRECT, or not at the end.
func (l *logFile) forService() (*os.File, error) {
	return os.OpenFile("/proc/self/fd/"+strconv.Itoa(l.fd), os.O_WRONLY|os.O_APPEND, 0)
}

// resize changes what is kept; the next look at the file goes by it.
func (l *logFile) resize(maxSize int64, maxFiles uint) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.maxSize, l.maxFiles = maxSize, int(maxFiles)
	l.quiet.Store(false)
}

func (l *logFile) close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.f.Close()
	if l.index != nil {
		l.index.Close()
	}
}

// dataStart is where the hole that rotation made ends.
func dataStart(f *os.File) (int64, error) {
	block := make([]byte, 64<<10)
	for at := int64(0); ; {
		// Before each block: after one that is zeros a service may have put a hole
		// that takes years to read.
		data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // no data from here on
			return f.Seek(0, io.SeekEnd)
		}
		if err != nil {
			return 0, os.NewSyscallError("lseek", err)
		}
		at = data
		// The part of a block that was punched reads as zeros.
		n, err := f.ReadAt(block, at)
		for i, c := range block[:n] {
			if c != 0 {
				return at + int64(i), nil
			}
		}
		at += int64(n)
		if err != nil {
			return at, ignoreEOF(err)
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// tend rotates the file as its size demands, and marks the time. What would be
// rotated out at once is not copied first, so that a service which writes without
// end costs but so much.
func (l *logFile) tend(now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.unsupported {
		return nil
	}
	var info unix.Stat_t // not os.FileInfo, which is garbage each second
	if err := unix.Fstat(l.fd, &info); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if l.still++; info.Size != l.marked {
		l.still = 0
	}
	if info.Size < l.start { // the service emptied it, and what it writes now counts from there
		var err error
		if l.start, err = dataStart(l.f); err != nil {
			return err
		}
		l.start = min(l.start, info.Size)
	}
	if err := l.mark(now, info.Size); err != nil {
		return err
	}
	if kept := l.maxSize * int64(l.maxFiles); info.Size-l.start > kept {
		cut, err := l.lineEnd(l.start, info.Size-kept)
		if err == nil {
			err = l.punch(cut)
		}
		if err != nil {
			return fmt.Errorf("cannot rotate %s: %w", l.path, err)
		}
	}
	for info.Size-l.start > l.maxSize {
		if err := l.rotate(); err != nil {
			return fmt.Errorf("cannot rotate %s: %w", l.path, err)
		}
	}
	if l.still >= stillLooks && l.await != nil && !l.quiet.Load() {
		l.rest()
	}
	return nil
}

// rest leaves it to the kernel to tell of the next change.
func (l *logFile) rest() {
	l.still = 0
	l.quiet.Store(true)
	// What was written before the kernel was asked is seen by a look after it.
	var info unix.Stat_t
	if l.await(l) != nil || unix.Fstat(l.fd, &info) != nil || info.Size != l.marked {
		l.quiet.Store(false)
	}
}

func (l *logFile) rotated(n int) string { return l.path + "." + strconv.Itoa(n) }

// rotate takes one file's worth off the front.
func (l *logFile) rotate() error {
	cut, err := l.lineEnd(l.start, l.start+l.maxSize)
	if err != nil {
		return err
	}
	if l.maxFiles > 1 {
		if err := l.copyOut(cut); err != nil {
			return err
		}
		for n := l.maxFiles - 2; n >= 1; n-- {
			if err := os.Rename(l.rotated(n), l.rotated(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		if err := os.Rename(l.path+".new", l.rotated(1)); err != nil {
			return err
		}
	}
	return l.punch(cut)
}

// punch takes what is before a place out of the file.
func (l *logFile) punch(cut int64) error {
	err := unix.Fallocate(int(l.f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, cut)
	if err != nil {
		l.unsupported = true // what was copied stays in the file too; nothing is lost
		return fmt.Errorf("its file system cannot take out what was rotated (fallocate: %w); it is not rotated any more", err)
	}
	l.start = cut
	return nil
}

func (l *logFile) copyOut(cut int64) (err error) {
	// What a supervisor that was killed left, or somebody else put there, is not
	// written to: it may be a link.
	if err := os.Remove(l.path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(l.path+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, io.NewSectionReader(l.f, l.start, cut-l.start)); err == nil {
		var info fs.FileInfo
		if info, err = l.f.Stat(); err == nil {
			_ = out.Chown(-1, int(owner(info)))
			err = out.Sync() // before the original is gone
		}
	}
	return errors.Join(err, out.Close())
}

// lineEnd is the end of the last line that ends between two places, or the
// latter if none does, or none within the longest line: a service can give its
// log any size in one call, and nothing in it.
func (l *logFile) lineEnd(from, to int64) (int64, error) {
	from = max(from, to-longestLine)
	block := make([]byte, 64<<10)
	for at := to; at > from; {
		n := min(int64(len(block)), at-from)
		at -= n
		if _, err := l.f.ReadAt(block[:n], at); err != nil {
			return 0, ignoreEOF(err)
		}
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
	}
	return to, nil
}
