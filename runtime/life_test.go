package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// newBundle makes a bundle of busybox, with the namespaces that keep a
// container apart and no more.
func newBundle(t *testing.T, args ...string) (dir string, config *specs.Spec) {
	t.Helper()
	const busybox = "/bin/busybox"
	if os.Geteuid() != 0 || missing(busybox) {
		t.Skip("takes root and " + busybox)
	}
	dir = t.TempDir()
	for _, name := range []string{"bin", "proc", "dev", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, "rootfs", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", busybox, filepath.Join(dir, "rootfs", busybox)).CombinedOutput(); err != nil {
		t.Fatalf("cp: %s", out)
	}
	config = &specs.Spec{
		Version: specs.Version,
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Args: append([]string{busybox}, args...), Cwd: "/", Env: []string{"PATH=/bin"}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
		},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}}},
	}
	writeConfig(t, dir, config)
	return dir, config
}

func writeConfig(t *testing.T, dir string, config *specs.Spec) {
	t.Helper()
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// started is a container whose program runs. It is removed when the test ends.
func started(t *testing.T, r *Runtime, o CreateOptions) *Process {
	t.Helper()
	p, err := r.Create(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Delete(o.ID, true); err != nil {
			t.Error(err)
		}
	})
	if err := r.Start(o.ID, ""); err != nil {
		t.Fatal(err)
	}
	return p
}

// One process holds several containers at once, as a supervisor does: it is
// their parent, learns their exit codes, and its working directory and
// streams are its own.
func TestSeveralInOneProcess(t *testing.T) {
	dir, _ := newBundle(t, "sh", "-c", "echo ready; read code; exit $code")
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	r := &Runtime{Root: filepath.Join(t.TempDir(), "state"), Warn: func(err error) { t.Error(err) }}
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			id := fmt.Sprintf("life-%d-%d", os.Getpid(), i)
			if err := oneLife(r, id, dir, i); err != nil {
				t.Errorf("%s: %v", id, err)
			}
			if err := r.Delete(id, true); err != nil {
				t.Errorf("%s: %v", id, err)
			}
			if left, _ := filepath.Glob("/sys/fs/cgroup/*/" + id); len(left) != 0 {
				t.Errorf("%s: %v left", id, left)
			}
		})
	}
	wait.Wait()
	if r.leftovers(t) != 0 {
		t.Error("state left")
	}
	if now, _ := os.Getwd(); now != cwd {
		t.Errorf("working directory %s became %s", cwd, now)
	}
}

func oneLife(r *Runtime, id, dir string, code int) error {
	stdin, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	p, err := r.Create(CreateOptions{ID: id, Bundle: dir, Stdin: stdin, Stdout: stdout})
	stdin.Close()
	stdout.Close()
	if err != nil {
		return err
	}
	if s, err := r.State(id); err != nil || s.Status != "created" || s.Pid != p.Pid() || s.Bundle != dir {
		return fmt.Errorf("created: %+v, %w", s, err)
	}
	if err := r.Start(id, ""); err != nil {
		return err
	}
	ready := make([]byte, 6)
	if _, err := out.Read(ready); err != nil || string(ready) != "ready\n" {
		return fmt.Errorf("said %q, %w", ready, err)
	}
	if s, err := r.State(id); err != nil || s.Status != "running" {
		return fmt.Errorf("started: %+v, %w", s, err)
	}
	if err := r.Delete(id, false); err == nil || !strings.Contains(err.Error(), "running") {
		return fmt.Errorf("delete of what runs: %w", err)
	}
	fmt.Fprintln(in, code)
	if got, err := p.Wait(); got != code || err != nil {
		return fmt.Errorf("exit code %d, want %d: %w", got, code, err)
	}
	if err := r.Kill(id, unix.SIGTERM); !NotRunning(err) {
		return fmt.Errorf("kill of what has stopped: %w", err)
	}
	if err := r.Delete(id, false); err != nil {
		return err
	}
	if _, err := r.State(id); !errors.Is(err, libcontainer.ErrNotExist) {
		return fmt.Errorf("deleted: %w", err)
	}
	return nil
}

// Run beside other containers of the process must not take their exit codes.
func TestRunBesideOthers(t *testing.T) {
	dir, config := newBundle(t, "sh", "-c", "exit 5")
	r := &Runtime{Root: t.TempDir(), Warn: func(err error) { t.Error(err) }}
	other := fmt.Sprintf("beside-%d", os.Getpid())
	p := started(t, r, CreateOptions{ID: other, Bundle: dir})
	config.Process.Args[3] = "sleep 0.1; exit 6"
	writeConfig(t, dir, config)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	code, err := r.Run(RunOptions{CreateOptions: CreateOptions{ID: other + "-run", Bundle: dir, Stdin: null, Stdout: null, Stderr: null}})
	if code != 6 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	if code, err := p.Wait(); code != 5 || err != nil {
		t.Errorf("the other's exit code %d, %v", code, err)
	}
}

// A creation that fails after everything was made undoes everything, in the
// caller's process too.
func TestFailedCreateLeavesNothing(t *testing.T) {
	dir, config := newBundle(t, "true")
	config.Process.Args = []string{"/does/not/exist"}
	config.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/sh", Args: []string{"sh", "-c", "cat >" + dir + "/poststop"}}}}
	writeConfig(t, dir, config)
	state := filepath.Join(t.TempDir(), "state")
	r := &Runtime{Root: state, Warn: func(err error) { t.Error(err) }}
	id := fmt.Sprintf("fail-%d", os.Getpid())
	_, err := r.Create(CreateOptions{ID: id, Bundle: dir})
	if err == nil || !strings.Contains(err.Error(), "/does/not/exist") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	if !missing(state) {
		t.Error("the state folder is left")
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/" + id); len(left) != 0 {
		t.Errorf("%v left", left)
	}
	if missing(filepath.Join(dir, "poststop")) {
		t.Error("poststop hooks did not run")
	}
	var ws unix.WaitStatus
	for end := time.Now().Add(time.Second); ; {
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
		if err == unix.ECHILD {
			break
		}
		if pid == 0 || time.Now().After(end) {
			t.Errorf("a child is left: %d, %v", pid, err)
			break
		}
	}
}
