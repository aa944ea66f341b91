package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// bornBundle is a bundle whose cgroups are there already, so that they can be watched.
func bornBundle(t *testing.T) (r *Runtime, o CreateOptions, config *specs.Spec, dirs []string) {
	t.Helper()
	dir, config := newBundle(t, "sleep", "100")
	name := fmt.Sprintf("born-%d", os.Getpid())
	config.Linux.CgroupsPath = "/" + name
	mounts, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if err != nil {
		t.Fatal(err)
	}
	if cgroups.IsCgroup2UnifiedMode() {
		mounts = []string{"/sys/fs/cgroup/cgroup.procs"}
		config.Linux.Namespaces = append(config.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	writeConfig(t, dir, config)
	for _, m := range mounts {
		cgroup := filepath.Join(filepath.Dir(m), name)
		if err := os.Mkdir(cgroup, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.Remove(cgroup); err == nil {
				t.Errorf("%s was left", cgroup)
			}
		})
		dirs = append(dirs, cgroup)
	}
	r = &Runtime{Root: filepath.Join(t.TempDir(), "state"), Warn: func(err error) { t.Error(err) }}
	return r, CreateOptions{ID: name, Bundle: dir}, config, dirs
}

// writes counts the writes to a file of each folder until told to stop. The kernel tells of
// those that came through system calls.
func writes(t *testing.T, dirs []string, name string) (stop func() map[string]int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	at := map[int32]string{}
	for _, dir := range dirs {
		wd, err := unix.InotifyAddWatch(fd, filepath.Join(dir, name), unix.IN_MODIFY)
		if errors.Is(err, fs.ErrNotExist) { // tasks of version 2
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		at[int32(wd)] = dir
	}
	return func() map[string]int {
		defer unix.Close(fd)
		n, buffer := map[string]int{}, make([]byte, 65536)
		size, err := unix.Read(fd, buffer)
		if err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		for b := buffer[:max(size, 0)]; len(b) >= unix.SizeofInotifyEvent; {
			event := (*unix.InotifyEvent)(unsafe.Pointer(&b[0]))
			if event.Mask&unix.IN_MODIFY != 0 {
				n[at[event.Wd]]++
			}
			b = b[unix.SizeofInotifyEvent+event.Len:]
		}
		return n
	}
}

// The first process is in all its cgroups, alone, and nobody moved it there.
func TestBornInItsCgroups(t *testing.T) {
	r, o, _, dirs := bornBundle(t)
	for _, plain := range []bool{false, true} {
		o.plain = plain
		moved, entered := writes(t, dirs, "cgroup.procs"), writes(t, dirs, "tasks")
		p := started(t, r, o)
		moves, entries := moved(), entered()
		t.Logf("by libcontainer %v: %d cgroups, moved in %d, entered in %d", plain, len(dirs), len(moves), len(entries))
		if plain {
			if len(moves) == 0 {
				t.Error("the kernel does not tell of moves: what this test says means nothing")
			}
			return
		}
		if len(moves) > 0 {
			t.Errorf("moved: %v", moves)
		}
		for _, dir := range dirs {
			pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			if got := strings.Fields(string(pids)); err != nil || !slices.Equal(got, []string{strconv.Itoa(p.pid)}) {
				t.Errorf("%s has %v, %v; want %d", dir, got, err, p.pid)
			}
		}
		if err := r.Delete(o.ID, true); err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Error(err)
			}
		}
	}
}

// Into a threaded cgroup no process can be made, nor moved: it is as with libcontainer,
// for which the cgroup of version 2 beside others is a help and no more.
func TestBornBesideAThreadedCgroup(t *testing.T) {
	if cgroups.IsCgroup2UnifiedMode() {
		t.Skip("there are no cgroups of version 1 here")
	}
	r, o, _, dirs := bornBundle(t)
	i := slices.IndexFunc(dirs, func(dir string) bool {
		return os.WriteFile(filepath.Join(dir, "cgroup.type"), []byte("threaded"), 0) == nil
	})
	if i < 0 {
		t.Skip("there is no hierarchy of version 2 beside those of version 1")
	}
	p := started(t, r, o)
	for j, dir := range dirs {
		pids, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if j != i && (err != nil || strings.TrimSpace(string(pids)) != strconv.Itoa(p.pid)) {
			t.Errorf("%s has %q, %v; want %d", dir, pids, err, p.pid)
		}
	}
}

// Hooks run where they always ran, and find the limits set: there a process is moved.
func TestNotBornWithHooks(t *testing.T) {
	r, o, config, dirs := bornBundle(t)
	out := filepath.Join(t.TempDir(), "out")
	limit := int64(64 << 20)
	config.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	memory := filepath.Join("/sys/fs/cgroup/memory", o.ID, "memory.limit_in_bytes")
	if cgroups.IsCgroup2UnifiedMode() {
		memory = filepath.Join("/sys/fs/cgroup", o.ID, "memory.max")
	}
	config.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat " + memory + " /proc/self/cgroup >" + out}}}}
	writeConfig(t, o.Bundle, config)
	moved := writes(t, dirs, "cgroup.procs")
	started(t, r, o)
	if len(moved()) == 0 {
		t.Error("nobody moved it")
	}
	got, err := os.ReadFile(out)
	if err != nil || !strings.HasPrefix(string(got), fmt.Sprintln(limit)) || strings.Contains(string(got), o.ID) {
		t.Errorf("the hook saw %q, %v", got, err)
	}
}

// Below a frozen cgroup a creation waits until it is thawed, but its thread is not frozen
// in it: nothing of this process could go on that waits for all threads.
func TestNotBornBelowAFrozenCgroup(t *testing.T) {
	if cgroups.IsCgroup2UnifiedMode() {
		t.Skip("no thread of this process is in a cgroup of version 2")
	}
	r, o, config, dirs := bornBundle(t)
	freezer := "/sys/fs/cgroup/freezer/" + o.ID
	if !slices.Contains(dirs, freezer) {
		t.Skip("there is no freezer of version 1")
	}
	config.Linux.CgroupsPath = "/" + o.ID + "/below"
	writeConfig(t, o.Bundle, config)
	defer func() {
		for _, dir := range dirs {
			_ = os.Remove(dir)
		}
	}()
	set := func(state string) {
		if err := os.WriteFile(freezer+"/freezer.state", []byte(state), 0); err != nil {
			t.Fatal(err)
		}
	}
	set("FROZEN")
	done := make(chan error, 1)
	go func() {
		_, err := r.Create(o)
		done <- err
	}()
	var there []string
	for deadline := time.Now().Add(10 * time.Second); len(there) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		tasks, _ := os.ReadFile(freezer + "/below/tasks")
		there = strings.Fields(string(tasks))
	}
	ours := slices.ContainsFunc(there, func(tid string) bool { return !missing("/proc/self/task/" + tid) })
	set("THAWED")
	if len(there) == 0 || ours {
		t.Errorf("in the frozen cgroup are %v, of this process: %v", there, ours)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := r.Delete(o.ID, true); err != nil {
		t.Error(err)
	}
}

// Who was killed before the limits were set leaves what cannot be started, and can be
// removed.
func TestKilledBeforeTheLimits(t *testing.T) {
	r, o, config, dirs := bornBundle(t)
	limit := int64(64 << 20)
	config.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	writeConfig(t, o.Bundle, config)
	p, err := r.Create(o)
	if err != nil {
		t.Fatal(err)
	}
	unfinish(t, r, p)
	if err := r.Start(o.ID, ""); !errors.Is(err, libcontainer.ErrNotExist) {
		t.Errorf("start: %v", err)
	}
	if _, err := r.State(o.ID); !errors.Is(err, libcontainer.ErrNotExist) {
		t.Errorf("state: %v", err)
	}
	if err := r.Delete(o.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil { // it was killed
		t.Error(err)
	}
	for _, dir := range dirs {
		if !missing(dir) {
			t.Errorf("%s is left", dir)
		}
	}
	if n := r.leftovers(t); n != 0 {
		t.Errorf("%d things are left in the state folder", n)
	}
}

// unfinish has state.json as libcontainer saves it before there are limits.
func unfinish(t *testing.T, r *Runtime, p *Process) {
	t.Helper()
	if cgroups.IsCgroup2UnifiedMode() {
		state, err := p.container.State()
		if err != nil {
			t.Fatal(err)
		}
		state.CgroupPaths[""] = "/sys/fs/cgroup" + noCgroup
		state.Config.Cgroups = withoutLimits()
		text, err := json.Marshal(state)
		if err == nil {
			err = os.WriteFile(filepath.Join(r.Root, p.container.ID(), stateFile), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	whole := p.container.Config()
	giveBack, err := takeCgroups(p.container, &whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.container.Set(whole); err != nil {
		t.Fatal(err)
	}
	giveBack()
}

// A cgroup of version 2 that takes no process is libcontainer's to speak of.
func TestNotBornWhereNoProcessCanBe(t *testing.T) {
	if !cgroups.IsCgroup2UnifiedMode() {
		t.Skip("there is no cgroup of version 2 alone here")
	}
	for file, text := range map[string]string{"cgroup.type": "threaded", "cgroup.subtree_control": "+memory"} {
		t.Run(file, func(t *testing.T) {
			r, o, _, dirs := bornBundle(t)
			r.Warn = nil
			var said [2]string
			for i := range said {
				_ = os.Mkdir(dirs[0], 0o755)
				if err := os.WriteFile(filepath.Join(dirs[0], file), []byte(text), 0); err != nil {
					t.Fatal(err)
				}
				o.plain = i == 1
				if p, err := r.Create(o); err != nil {
					before, after, _ := strings.Cut(err.Error(), "failed to write ")
					said[i] = before + strings.TrimLeft(after, "0123456789") // a pid
				} else {
					at, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.pid))
					said[i] = string(at)
				}
				_ = r.Delete(o.ID, true)
			}
			if said[0] == "" || said[0] != said[1] {
				t.Errorf("%q, and by libcontainer alone %q", said[0], said[1])
			}
			if busy := strings.Contains(said[0], unix.EBUSY.Error()); busy != (file == "cgroup.subtree_control") {
				t.Errorf("busy: %v: %s", busy, said[0])
			}
		})
	}
}

// Libcontainer has no cgroup while it starts the first process; what it is asked afterwards
// it has to know.
func TestBornHasItsCgroup(t *testing.T) {
	r, o, config, dirs := bornBundle(t)
	limit := int64(64 << 20)
	config.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	writeConfig(t, o.Bundle, config)
	p := started(t, r, o)
	loaded, err := r.load(o.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*libcontainer.Container{p.container, loaded} {
		state, err := c.State()
		if err != nil {
			t.Fatal(err)
		}
		var paths []string
		for _, dir := range state.CgroupPaths {
			paths = append(paths, dir)
		}
		slices.Sort(paths)
		slices.Sort(dirs)
		if !slices.Equal(slices.Compact(paths), dirs) || state.Config.Cgroups.Memory != limit || state.InitProcessPid != p.pid {
			t.Errorf("pid %d, memory %d, %v; want %d, %d, %v", state.InitProcessPid, state.Config.Cgroups.Memory, paths, p.pid, limit, dirs)
		}
		stats, err := c.Stats()
		if err != nil || stats.CgroupStats.MemoryStats.Usage.Limit != uint64(limit) {
			t.Errorf("%v, %v", stats, err)
		}
	}
}

// A limit that the first process itself is above is told, as libcontainer does.
func TestBornAboveItsLimit(t *testing.T) {
	r, o, config, dirs := bornBundle(t)
	limit := int64(128 << 10)
	config.Linux.Resources = &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &limit}}
	writeConfig(t, o.Bundle, config)
	for _, plain := range []bool{false, true} {
		o.plain = plain
		_, err := r.Create(o)
		if err == nil || !strings.Contains(err.Error(), "OOM-killed (memory limit too low?)") && cgroups.IsCgroup2UnifiedMode() {
			t.Errorf("by libcontainer alone %v: %v", plain, err)
		}
		for _, dir := range dirs {
			if !missing(dir) {
				t.Errorf("%s is left", dir)
			}
		}
	}
}

// nowhere manages cgroups that are not there.
type nowhere struct{ cgroups.Manager }

func (nowhere) Set(*cgroups.Resources) error { return nil }
func (nowhere) Path(string) string           { return "" }
func (nowhere) GetPaths() map[string]string {
	return map[string]string{"": "/sys/fs/cgroup/none", "pids": "/sys/fs/cgroup/pids/none"}
}

// What libcontainer then starts is as it was: a note that is closed would keep it from it.
func TestNotBornLeavesTheProcessAsItWas(t *testing.T) {
	p := &libcontainer.Process{ExtraFiles: []*os.File{os.Stdin}}
	started, err := startInV1(nil, p, nil, nowhere{})
	if started || !errors.Is(err, fs.ErrNotExist) || !slices.Equal(p.ExtraFiles, []*os.File{os.Stdin}) {
		t.Errorf("%v, %v: %v", started, err, p.ExtraFiles)
	}
}
