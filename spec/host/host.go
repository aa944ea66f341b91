// Package host reads what a service configuration needs to know of the host it
// runs on, from /proc and /sys: it is the real spec.Host. It changes nothing.
package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"blackhole/spec"

	"golang.org/x/sys/unix"
)

// Host is a spec.Host. Its files are read below root, so that a test can give
// a folder of its own in place of /proc and /sys; what no file tells (device
// numbers, file system types) comes from two functions for the same reason.
type Host struct {
	root   string
	stat   func(path string) (device, error) // links followed
	statfs func(path string) (int64, error)  // the magic number of statfs(2)
}

var _ spec.Host = (*Host)(nil)

// device is what stat(2) tells of a file's disk.
type device struct {
	dev, rdev uint64 // of the file system; of the file itself if it is a block device
	block     bool
}

// New returns the host this process runs on.
func New() *Host {
	return &Host{root: "/", stat: statDevice, statfs: statfsType}
}

func statDevice(path string) (device, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return device{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return device{dev: st.Dev, rdev: st.Rdev, block: st.Mode&unix.S_IFMT == unix.S_IFBLK}, nil
}

func statfsType(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Type), nil
}

// at is where a path of the host is read.
func (h *Host) at(path string) string { return filepath.Join(h.root, path) }

// line reads a file of one line.
func (h *Host) line(path string) (string, error) {
	data, err := os.ReadFile(h.at(path))
	return strings.TrimSpace(string(data)), err
}

// CPUs lists the CPUs online, from /sys/devices/system/cpu/online.
func (h *Host) CPUs() ([]int, error) {
	const file = "/sys/devices/system/cpu/online"
	list, err := h.line(file)
	if err != nil {
		return nil, fmt.Errorf("cannot list CPUs: %w", err)
	}
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err1 := strconv.Atoi(low)
		last, err2 := strconv.Atoi(high)
		// The bound keeps a broken file from eating the memory; the kernel's own is 8192 (CONFIG_NR_CPUS).
		if err1 != nil || err2 != nil || last < first || last > 1<<16 {
			return nil, fmt.Errorf("cannot list CPUs: %s holds %q", file, list)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// Stat tells what is at an absolute path, links not followed.
func (h *Host) Stat(path string) (spec.File, error) {
	info, err := os.Lstat(h.at(path))
	if err != nil {
		return spec.File{}, err
	}
	file := spec.File{Mode: info.Mode()}
	if info.Mode()&fs.ModeSymlink != 0 {
		file.Link, err = os.Readlink(h.at(path))
	}
	return file, err
}

// nearest is path, or the nearest of its parents that exists.
func (h *Host) nearest(path string) string {
	for path = filepath.Clean(path); path != "/" && path != "."; path = filepath.Dir(path) {
		_, err := h.stat(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			break
		}
	}
	return path
}
