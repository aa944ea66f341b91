package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/cgroups/manager"
)

// removeLeftover removes what is left of a container that libcontainer does
// not know: of a creation or a deletion that was killed. It tells whether
// there was anything.
func (r *Runtime) removeLeftover(id string, rec *record) (bool, error) {
	dir := filepath.Join(r.Root, id)
	_, err := os.Lstat(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	exists := err == nil
	if rec == nil {
		if !exists {
			return false, nil
		}
		// Not ours: what it made elsewhere is unknown.
		if err := checkStateFolder(dir); err != nil {
			return false, err
		}
		return true, os.RemoveAll(dir)
	}
	if !exists && !rec.destroying {
		// The folder is the first thing that is made, after the check that the
		// cgroups are not someone else's.
		return true, rec.remove()
	}
	// From here on what the record says is killed and removed.
	if err := rec.check(); err != nil {
		return true, fmt.Errorf("%w; nothing was removed", err)
	}
	if exists {
		if err := killCgroups(rec.CgroupPaths, func() []int { return append(initProcesses(dir), hookProcesses(dir)...) }); err != nil {
			return true, err
		}
		if rec.Cgroup != nil {
			m, err := manager.NewWithPaths(rec.Cgroup, rec.CgroupPaths)
			if err != nil {
				return true, err
			}
			if err := m.Destroy(); err != nil {
				return true, err
			}
		}
		if err := rec.markDestroying(); err != nil {
			return true, err
		}
		if err := os.RemoveAll(dir); err != nil {
			return true, err
		}
	}
	return true, r.finish(id, rec, nil)
}

// checkStateFolder refuses to take a folder for a container's that only
// happens to lie in the state folder: --root is easily mistyped, and what
// follows is rm -r.
func checkStateFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "exec.fifo", name == notifyDir, strings.HasPrefix(name, "state"):
		default:
			return fmt.Errorf("%s is not a container's folder: it contains %q", dir, name)
		}
	}
	return nil
}

// initProcesses finds the first process of a container, and its parents during
// creation, wherever they are: from before they enter the cgroups until the
// program runs they hold the fifo in the container's folder. They call
// themselves "runc:[…", see libcontainer/nsenter. Such a process dies by itself
// once it notices that its creator is gone, so mostly there is none.
func initProcesses(dir string) []int {
	fifo := filepath.Join(dir, "exec.fifo")
	if real, err := filepath.EvalSymlinks(fifo); err == nil {
		fifo = real
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil
	}
	var pids []int
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != fifo {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		comm, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil || !strings.HasPrefix(string(comm), "runc:[") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(process)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
