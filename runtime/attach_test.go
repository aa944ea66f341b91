package runtime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMoveSelf(t *testing.T) {
	for line, at := range map[string]string{
		"0::/":                            "cgroup.procs",
		"0::/system.slice/containerd":     "system.slice/containerd/cgroup.procs",
		"4:pids:/a":                       "pids/a/cgroup.procs",
		"3:cpu,cpuacct:/":                 "cpu,cpuacct/cgroup.procs",
		"1:name=systemd:/user.slice/a:b/": "systemd/user.slice/a:b/cgroup.procs",
	} {
		root := t.TempDir()
		if err := moveSelf(root, line); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: without the file: %v", line, err)
		}
		file := filepath.Join(root, at)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := moveSelf(root, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if got, _ := os.ReadFile(file); string(got) != "0" {
			t.Errorf("%s: wrote %q", line, got)
		}
	}
}

// What is promised: nothing changes.
func TestExpectAttachChangesNothing(t *testing.T) {
	before, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(before)) {
		if err := moveSelf("/sys/fs/cgroup", strings.TrimSuffix(line, "\n")); err != nil {
			t.Logf("%s: %v", line, err)
		}
	}
	if after, _ := os.ReadFile("/proc/self/cgroup"); string(after) != string(before) {
		t.Errorf("moved from\n%sto\n%s", before, after)
	}
}

func TestMoveToOwn(t *testing.T) {
	root := t.TempDir()
	list, file := filepath.Join(root, "list"), filepath.Join(root, "cpu/a/cgroup.procs")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{list: "2:pids:/b\n1:cpu:/a\n", file: ""} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Not while somebody else, who has just looked where it is, moves it.
	ownCgroup.Lock()
	done := make(chan struct{})
	go func() { moveToOwn(list, root); close(done) }()
	time.Sleep(50 * time.Millisecond)
	if got, _ := os.ReadFile(file); len(got) > 0 {
		t.Errorf("moved meanwhile: %q", got)
	}
	ownCgroup.Unlock()
	<-done
	if got, _ := os.ReadFile(file); string(got) != "0" {
		t.Errorf("wrote %q", got)
	}
}
