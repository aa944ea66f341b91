package runtime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "A-z_0+9.x", "...", strings.Repeat("x", 200)} {
		if err := checkID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{".", "..", "a/b", "/", "a b", "@a", "é", "a\n", "a\x00"} {
		if err := checkID(id); !errors.Is(err, libcontainer.ErrInvalidID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if checkID("") == nil {
		t.Error("the empty id is taken")
	}
}

func TestParseSignal(t *testing.T) {
	for in, want := range map[string]unix.Signal{
		"0": 0, "9": unix.SIGKILL, "64": 64,
		"KILL": unix.SIGKILL, "SIGKILL": unix.SIGKILL, "kill": unix.SIGKILL, "sigterm": unix.SIGTERM,
		"USR1": unix.SIGUSR1, "SIGCHLD": unix.SIGCHLD,
		"RTMIN": 34, "SIGRTMIN": 34, "rtmin+1": 35, "RTMIN+30": 64, "RTMAX": 64, "RTMAX-1": 63, "SIGRTMAX-30": 34,
	} {
		if got, err := ParseSignal(in); got != want || err != nil {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "-1", "65", "SIG", "NOPE", "SIGSIGKILL", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMINx", "9 ", "1.5"} {
		if got, err := ParseSignal(in); err == nil {
			t.Errorf("%q is signal %d", in, got)
		} else if !strings.Contains(err.Error(), in) {
			t.Errorf("%q: the error does not name it: %v", in, err)
		}
	}
}

func TestExitCode(t *testing.T) {
	// wait(2): the exit code is in the second byte, the signal in the first.
	for ws, want := range map[unix.WaitStatus]int{0: 0, 1 << 8: 1, 255 << 8: 255, 9: 137, 11 | 0x80: 139} {
		if got := exitCode(ws); got != want {
			t.Errorf("%#x: %d, want %d", ws, got, want)
		}
	}
}

func TestRlimits(t *testing.T) {
	p := &specs.Process{Rlimits: []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2}}}
	lp, err := newProcess(p)
	if err != nil || len(lp.Rlimits) != 1 || lp.Rlimits[0] != (configs.Rlimit{Type: unix.RLIMIT_NOFILE, Soft: 1, Hard: 2}) {
		t.Errorf("%+v, %v", lp, err)
	}
	p.Rlimits[0].Type = "RLIMIT_NOPE"
	if _, err := newProcess(p); err == nil || !strings.Contains(err.Error(), `"RLIMIT_NOPE"`) {
		t.Errorf("unknown rlimit: %v", err)
	}
}

func TestDefaultRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("for root of the initial user namespace")
	}
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/0")
	if got := DefaultRoot("x"); got != "/run/x" {
		t.Errorf("root keeps its state in %s", got)
	}
}

func TestRootless(t *testing.T) {
	yes, no := true, false
	if !(&Runtime{Rootless: &yes}).rootlessCgroups() || (&Runtime{Rootless: &no}).rootlessCgroups() {
		t.Error("what was said is not what is done")
	}
	if os.Geteuid() == 0 && (&Runtime{}).rootlessCgroups() {
		t.Error("real root counts as rootless")
	}
}

// The bundle's own folder is what relative paths are relative to, whatever the
// working directory, and whatever an annotation says.
func TestConfigPaths(t *testing.T) {
	spec := &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: []string{"true"}, Cwd: "/"},
		Mounts: []specs.Mount{
			{Destination: "/a", Source: "data", Type: "bind"},
			{Destination: "/b", Source: "data", Options: []string{"rbind"}},
			{Destination: "/c", Source: "/abs", Type: "bind"},
			{Destination: "/proc", Source: "proc", Type: "proc"},
		},
		Annotations: map[string]string{"bundle": "/elsewhere", "k": "v"},
		Linux:       &specs.Linux{},
	}
	// A type without the option is no bind mount to libcontainer; the source
	// is made absolute all the same.
	r := &Runtime{Root: "/run/x"}
	config, err := r.config(&CreateOptions{ID: "x", Bundle: "/the/bundle"}, spec)
	if err != nil {
		t.Fatal(err)
	}
	if config.Rootfs != "/the/bundle/rootfs" {
		t.Errorf("rootfs %s", config.Rootfs)
	}
	for i, want := range []string{"/the/bundle/data", "/the/bundle/data", "/abs", "proc"} {
		if got := config.Mounts[i].Source; got != want {
			t.Errorf("mount %d from %s, want %s", i, got, want)
		}
	}
	data, err := newRecordData(config)
	if err != nil {
		t.Fatal(err)
	}
	if data.Bundle != "/the/bundle" || data.Annotations["k"] != "v" {
		t.Errorf("bundle %q, annotations %v", data.Bundle, data.Annotations)
	}
	if spec.Root.Path != "rootfs" || spec.Mounts[0].Source != "data" {
		t.Error("the caller's configuration was changed")
	}
}

func TestRecord(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	want := recordData{
		Bundle:      "/b",
		Cgroup:      &cgroups.Cgroup{Name: "x", Resources: &cgroups.Resources{}},
		CgroupPaths: map[string]string{"": "/c"},
		Poststop:    []*configs.Command{{Path: "/hook", Args: []string{"hook", "a"}}},
	}
	rec, err := r.newRecord("x", want)
	if err != nil {
		t.Fatal(err)
	}
	if !r.locked("x") {
		t.Error("a record is not locked while its container is created")
	}
	if _, err := r.newRecord("x", want); !errors.Is(err, libcontainer.ErrExist) {
		t.Errorf("a second creation: %v", err)
	}
	rec.unlock()
	if r.locked("x") {
		t.Error("the lock outlives its holder")
	}

	rec, err = r.openRecord("x")
	if err != nil {
		t.Fatal(err)
	}
	if rec.Bundle != "/b" || rec.CgroupPaths[""] != "/c" || rec.Poststop[0].Args[1] != "a" || rec.Cgroup.Resources == nil || rec.destroying {
		t.Errorf("read back: %+v", rec.recordData)
	}
	if err := rec.markDestroying(); err != nil {
		t.Fatal(err)
	}
	rec.unlock()
	rec, err = r.openRecord("x")
	if err != nil || !rec.destroying || rec.Bundle != "/b" {
		t.Errorf("marked: %+v, %v", rec, err)
	}
	for range 2 { // twice is no error
		if err := rec.remove(); err != nil {
			t.Error(err)
		}
	}
	if rec, err := r.openRecord("x"); rec != nil || err != nil {
		t.Errorf("removed: %v, %v", rec, err)
	}
}

// A creation that was killed while it wrote its record has made nothing.
func TestRecordCutShort(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	for _, text := range []string{"", "{", `{"bundle":"/b","cgroup_pa`} {
		if err := os.WriteFile(r.recordPath("x"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.Delete("x", false); !errors.Is(err, libcontainer.ErrNotExist) {
			t.Errorf("%q: %v", text, err)
		}
		if r.leftovers(t) != 0 {
			t.Errorf("%q is left", text)
		}
	}
}

// A record without a folder, of before the folder was made: the cgroups may be
// another container's, and stay.
func TestDeleteBeforeFolder(t *testing.T) {
	r := &Runtime{Root: t.TempDir(), Warn: func(err error) { t.Error(err) }}
	foreign := t.TempDir()
	hook := filepath.Join(t.TempDir(), "ran")
	rec, err := r.newRecord("x", recordData{
		Cgroup:      &cgroups.Cgroup{Path: "/x", Resources: &cgroups.Resources{}},
		CgroupPaths: map[string]string{"": foreign},
		Poststop:    []*configs.Command{{Path: "/bin/touch", Args: []string{"touch", hook}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rec.unlock()
	if err := r.Delete("x", true); err != nil {
		t.Fatal(err)
	}
	if missing(foreign) || !missing(hook) {
		t.Error("what was never made was removed")
	}
	if r.leftovers(t) != 0 {
		t.Error("the record is left")
	}
}

func TestDeleteWaitsForLock(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	rec, err := r.newRecord("x", recordData{})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := r.Delete("x", true); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(50 * time.Millisecond)
	if missing(r.recordPath("x")) {
		t.Error("deleted under the lock of another")
	}
	rec.unlock()
	wait.Wait()
	if r.leftovers(t) != 0 {
		t.Error("not deleted when the lock was free")
	}
}

// Many creations of one id, in threads of one process as in several.
func TestOneRecordWins(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	var wait sync.WaitGroup
	won := make(chan *record, 50)
	for range 50 {
		wait.Go(func() {
			rec, err := r.newRecord("x", recordData{})
			if err == nil {
				won <- rec
			} else if !errors.Is(err, libcontainer.ErrExist) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if len(won) != 1 {
		t.Errorf("%d creations won", len(won))
	}
}

func TestRootLock(t *testing.T) {
	dir := t.TempDir()
	r := &Runtime{Root: filepath.Join(dir, "a", "b")}
	one, err := r.lockRoot()
	if err != nil {
		t.Fatal(err)
	}
	two, err := r.lockRoot()
	if err != nil {
		t.Fatal(err)
	}
	ran := false
	r.alone(nil, func() { ran = true })
	r.alone(one, func() { ran = true })
	if ran {
		t.Error("alone beside a creation")
	}
	two.unlock()
	r.alone(one, func() { ran = true })
	if !ran {
		t.Error("a holder of the lock is not alone")
	}
	one.unlock()
	ran = false
	r.alone(nil, func() { ran = true })
	if !ran {
		t.Error("not alone without a creation")
	}
	// The second found the folder there, so the first alone takes it away.
	_ = two.removeMade()
	if missing(r.Root) {
		t.Error("removed what another made")
	}
	_ = one.removeMade()
	if !missing(filepath.Join(dir, "a")) || missing(dir) {
		t.Error("not exactly what was made was removed")
	}
	if _, err := (&Runtime{Root: "relative"}).lockRoot(); err == nil {
		t.Error("a relative state folder is taken")
	}
}

func TestList(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	var warnings []string
	r.Warn = func(err error) { warnings = append(warnings, err.Error()) }
	if err := os.Mkdir(filepath.Join(r.Root, "half"), 0o700); err != nil {
		t.Fatal(err)
	}
	rec, err := r.newRecord("half", recordData{})
	if err != nil {
		t.Fatal(err)
	}
	if states, err := r.List(); len(states) != 0 || err != nil || len(warnings) != 0 {
		t.Errorf("while it is created: %v, %v, %q", states, err, warnings)
	}
	rec.unlock()
	if _, err := r.List(); err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], `"half"`) {
		t.Errorf("after its creator died: %v, %q", err, warnings)
	}
	if _, err := (&Runtime{Root: "/does/not/exist"}).List(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestDeleteSparesForeignFolder(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	precious := filepath.Join(r.Root, "home", "precious")
	if err := os.MkdirAll(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		if err := r.Delete("home", force); err == nil || !strings.Contains(err.Error(), "not a container's folder") {
			t.Errorf("force %v: %v", force, err)
		}
	}
	if missing(precious) {
		t.Error("it is gone")
	}
}

// leftovers counts what is in the state folder.
func (r *Runtime) leftovers(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir(r.Root)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
