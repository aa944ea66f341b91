package stats

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folder reads the files of one cgroup and keeps the first real error, so
// that a reader of twenty files checks once. A file that is not there, or not
// any more, is absent.
type folder struct {
	r    *reader
	path string
	err  error
	// Kept open from one reading to the next: the folder itself, -1 before its
	// first use, and its files by name, -1 for one that is not there.
	dir   int
	files map[string]int
}

// read gives the content of a file that the kernel writes in one go, as it does
// all but lists. It is good until the next read.
func (d *folder) read(name string) []byte {
	if d.path == "" || d.err != nil {
		return nil
	}
	fd, opened, err := d.open(name)
	if err == nil && fd >= 0 {
		var n int
		for { // until it fits
			if n, err = pread(fd, d.r.buf, 0); err != nil || n < len(d.r.buf) {
				break
			}
			d.r.buf = make([]byte, 2*len(d.r.buf))
		}
		if opened {
			unix.Close(fd)
		}
		if err == nil {
			return d.r.buf[:n]
		}
	}
	d.fail("read", name, err)
	return nil
}

// list gives the content of a file of many records, of which the kernel gives
// some at a time. It is good until the next read.
func (d *folder) list(name string) []byte {
	if d.path == "" || d.err != nil {
		return nil
	}
	fd, opened, err := d.openList(name)
	if err != nil || fd < 0 {
		d.fail("open", name, err)
		return nil
	}
	if opened {
		defer unix.Close(fd)
	}
	var all []byte
	for {
		n, err := pread(fd, d.r.buf, int64(len(all)))
		if err != nil {
			d.fail("read", name, err)
			return nil
		}
		if n == 0 {
			return all
		}
		if len(all) == 0 && n <= len(d.r.buf)/2 {
			return d.r.buf[:n] // the kernel fills a page with as many records as it has
		}
		all = append(all, d.r.buf[:n]...)
	}
}

// openList is open for lists: a list of v1 that is kept open and read more often
// than once a second stays the same for ever (cgroup_pidlist_start in
// kernel/cgroup/cgroup-v1.c).
func (d *folder) openList(name string) (fd int, opened bool, err error) {
	if d.r.unified || d == d.r.folders[""] {
		return d.open(name)
	}
	fd, err = openFile(d.fd(), d.path, name)
	return fd, true, err
}

// open gives a file's descriptor, -1 for one that is not there; opened says
// that the caller closes it.
func (d *folder) open(name string) (fd int, opened bool, err error) {
	if fd, ok := d.files[name]; ok {
		return fd, false, nil
	}
	fd, err = openFile(d.fd(), d.path, name)
	if !d.r.keep {
		return fd, true, err
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		if d.files == nil {
			d.files = map[string]int{}
		}
		d.files[name] = fd
		return fd, false, nil
	}
	return -1, false, err
}

// fd is the folder's own descriptor, -1 where it is not kept.
func (d *folder) fd() int {
	if d.r.keep && d.dir < 0 {
		d.dir, _ = openFolder(d.path) // without, its files are opened by their paths
	}
	return d.dir
}

func (d *folder) fail(do, name string, err error) {
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP) {
		// ENODEV: the cgroup was removed while the file was open;
		// EOPNOTSUPP: pressure accounting is compiled in but off.
		return
	}
	d.err = &fs.PathError{Op: do, Path: filepath.Join(d.path, name), Err: err}
}

// leaf: there are no cgroups below. A folder of a cgroup has two links and one
// for each folder in it.
func (d *folder) leaf() bool {
	var st unix.Stat_t
	var err error
	if fd := d.fd(); fd >= 0 {
		err = unix.Fstat(fd, &st)
	} else {
		err = unix.Stat(d.path, &st)
	}
	return err != nil || st.Nlink == 2
}

// closeBut closes all but one file; with "" that too.
func (d *folder) closeBut(name string) {
	for other, fd := range d.files {
		if other != name || name == "" {
			closeFile(fd)
			delete(d.files, other)
		}
	}
	closeFile(d.dir)
	d.dir = -1
}

// openFile opens a file by its folder's descriptor, or its path where that is
// -1. Not os.Open: it would hand each file to Go's poller, which costs more than
// all the rest.
func openFile(dir int, path, name string) (int, error) {
	if dir < 0 {
		dir, name = unix.AT_FDCWD, filepath.Join(path, name)
	}
	for {
		fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func openFolder(path string) (int, error) {
	return unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

func pread(fd int, to []byte, at int64) (int, error) {
	for {
		n, err := unix.Pread(fd, to, at)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

func closeFile(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}

// badNumber is the error of a file that does not hold what it should.
func (d *folder) badNumber(name string, text []byte) {
	if d.err == nil {
		d.err = fmt.Errorf("cannot read %s: not a number: %q", filepath.Join(d.path, name), text)
	}
}
