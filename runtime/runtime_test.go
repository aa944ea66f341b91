package runtime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups/manager"
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
	m, err := manager.New(config.Cgroups)
	if err != nil {
		t.Fatal(err)
	}
	data := newRecordData(config, m)
	if data.Bundle != "/the/bundle" || data.Annotations["k"] != "v" {
		t.Errorf("bundle %q, annotations %v", data.Bundle, data.Annotations)
	}
	if spec.Root.Path != "rootfs" || spec.Mounts[0].Source != "data" {
		t.Error("the caller's configuration was changed")
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
