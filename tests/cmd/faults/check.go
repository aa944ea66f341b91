package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// snapshot is all that a container can leave behind, one line each. It holds the
// neighbour's as well, so that whatever was done to that is a difference too.
func (w *worker) snapshot() (map[string]bool, error) {
	all := map[string]bool{}
	add := func(what, name string) { all[what+" "+name] = true }
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[4]; !w.foreign[at] {
			add("mount", at)
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		add("link", l.Name)
		addresses, _ := l.Addrs()
		for _, a := range addresses {
			if ip, _, err := net.ParseCIDR(a.String()); err == nil && ip.To4() != nil {
				add("address", l.Name+" "+a.String())
			}
		}
	}
	routes, _ := os.ReadFile("/proc/net/route")
	for line := range strings.Lines(string(routes)) {
		add("route", strings.Join(strings.Fields(line)[:3], " "))
	}
	for _, dir := range cgroupsOf(w.prefix) {
		add("cgroup", dir)
	}
	locks, _ := os.ReadFile("/proc/locks")
	for line := range strings.Lines(string(locks)) {
		if f := strings.Fields(line); len(f) > 5 && strings.HasPrefix(f[5], w.device) {
			add("lock", line)
		}
	}
	if err := w.files(add); err != nil {
		return nil, err
	}
	code, said, err := w.plain("/usr/sbin/nft", "list", "ruleset")
	if err != nil || code != 0 {
		return nil, errors.Join(err, fmt.Errorf("nft list ruleset: exit code %d: %s", code, said))
	}
	rules, _ := os.ReadFile(outputs + "out")
	for line := range strings.Lines(string(rules)) {
		add("rule", strings.TrimSpace(line))
	}
	return all, nil
}

// files lists what lies below /run, which is the worker's own: the state folder,
// the names of network namespaces, the book of addresses, whatever else.
func (w *worker) files(add func(what, name string)) error {
	return filepath.WalkDir("/run", func(path string, _ fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // meanwhile
			return nil
		case err != nil:
			return err
		case path == bundles, path == filepath.Clean(outputs), path == logs:
			return fs.SkipDir
		case path == filepath.Dir(logs), path == stateRoot: // they may come and stay
			return nil
		case path == compiled, filepath.Dir(path) == compiled && !strings.Contains(path, ".tmp"): // whole ones
			return nil
		}
		add("file", path)
		if strings.HasSuffix(path, "/book.json") {
			data, _ := os.ReadFile(path)
			add("book", string(data))
		}
		return nil
	})
}

// cgroupsOf lists the cgroups of a worker: those of bundles lie below a folder
// with its prefix, those of services in "blackhole", all of them in the root of
// a hierarchy or in the cgroup that this program runs in.
func cgroupsOf(prefix string) []string {
	own := []string{""}
	data, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(data)) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 && !slices.Contains(own, f[2]) {
			own = append(own, f[2])
		}
	}
	hierarchies, _ := filepath.Glob("/sys/fs/cgroup/*")
	var all []string
	for _, h := range append(hierarchies, "/sys/fs/cgroup") {
		for _, o := range own {
			for _, pattern := range []string{prefix + "*", "blackhole/" + prefix + "*"} {
				found, _ := filepath.Glob(filepath.Join(h, o, pattern))
				for _, top := range found {
					_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
						if err == nil && d.IsDir() {
							all = append(all, path)
						}
						return nil
					})
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// thawCgroups lets the processes that a failed case left frozen die with the
// worker: on v1 a signal is held back until then.
func thawCgroups(prefix string) {
	for _, dir := range cgroupsOf(prefix) {
		if file := filepath.Join(dir, "freezer.state"); exists(file) {
			_ = os.WriteFile(file, []byte("THAWED"), 0)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// removeCgroups takes away what a failed case left, deepest first.
func removeCgroups(prefix string) {
	dirs := cgroupsOf(prefix)
	slices.Reverse(dirs)
	for _, dir := range dirs {
		_ = os.Remove(dir)
	}
}

// difference says what came and what went, or nothing.
func difference(before, after map[string]bool) string {
	var all []string
	for line := range after {
		if !before[line] {
			all = append(all, "left: "+line)
		}
	}
	for line := range before {
		if !after[line] {
			all = append(all, "gone: "+line)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}

// settle waits until nothing differs any more from what was before; what still
// does after settlePatience is left for good.
func (w *worker) settle() string {
	for deadline := time.Now().Add(settlePatience); ; time.Sleep(20 * time.Millisecond) {
		left := describe(except(w.residents))
		if left == "" {
			now, err := w.snapshot()
			if err != nil {
				return err.Error()
			}
			left = difference(w.clean, now)
		}
		if left == "" || time.Now().After(deadline) {
			return left
		}
	}
}

const settlePatience = 2 * time.Second

// checkNeighbour: it runs as it did, with its limits and its network.
func (w *worker) checkNeighbour() error {
	state, err := w.state("neighbour")
	if err != nil {
		return err
	}
	if state.Status != "running" || state.Pid != w.neighbour.Pid {
		return fmt.Errorf("the neighbour is %s as process %d, and was running as %d", state.Status, state.Pid, w.neighbour.Pid)
	}
	if now := w.limits("neighbour"); now != w.limitsBefore {
		return fmt.Errorf("the neighbour's limits are %q, and were %q", now, w.limitsBefore)
	}
	// Nothing listens there, and its own kernel stack says so.
	conn, err := net.DialTimeout("tcp4", w.address+":9", time.Second)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("the neighbour's network does not answer: %w", err)
	}
	return nil
}

// limits reads some of a container's limits from wherever its cgroups are.
func (w *worker) limits(id string) string {
	var all []string
	for _, dir := range cgroupsOf(w.prefix) {
		if filepath.Base(dir) != id {
			continue
		}
		for _, file := range []string{"pids.max", "memory.max", "memory.limit_in_bytes", "cgroup.procs"} {
			if data, err := os.ReadFile(filepath.Join(dir, file)); err == nil {
				all = append(all, file+" "+strings.Join(strings.Fields(string(data)), ","))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "; ")
}

// oneClearLine: what a command that fails has to say. Warnings may come before;
// and where stderr has more to tell, errors alone count.
func oneClearLine(code int, said string, talks bool) error {
	switch {
	case strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") || strings.Contains(said, "fatal error"):
		return fmt.Errorf("exit code %d with a stack: %s", code, said)
	case code == 0:
		return nil
	case code > 125 && code != 255: // which is exec's own, as runc has it
		return fmt.Errorf("exit code %d: %s", code, said)
	}
	all := said
	said = errorLines(said, talks)
	switch {
	case said == "" || strings.Contains(said, "\n"):
		return fmt.Errorf("exit code %d, and not one line: %q", code, all)
	}
	return nil
}

func errorLines(said string, talks bool) string {
	var rest []string
	for line := range strings.SplitSeq(said, "\n") {
		// The container's stderr is the same file, and the last words of libcontainer's
		// first process, whose creator needs it no more, go there.
		if !strings.HasPrefix(line, "reopen exec fifo: ") && !strings.HasPrefix(line, "warning: ") && (!talks || strings.Contains(line, "cannot ")) {
			rest = append(rest, line)
		}
	}
	return strings.Join(rest, "\n")
}
