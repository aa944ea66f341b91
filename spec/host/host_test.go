package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"blackhole/spec"

	"golang.org/x/sys/unix"
)

// fake is a Host on a folder of files. Paths are given as the host has them;
// "PATH -> TARGET" is a symbolic link, a path that ends with / a folder.
func fake(t *testing.T, files map[string]string) *Host {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		path, target, link := strings.Cut(path, " -> ")
		at := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case link:
			err = os.Symlink(target, at)
		case strings.HasSuffix(path, "/"):
			err = os.MkdirAll(at, 0o755)
		default:
			err = os.WriteFile(at, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	notThere := func(path string) error { return &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist} }
	return &Host{
		root:   root,
		stat:   func(path string) (device, error) { return device{}, notThere(path) },
		statfs: func(path string) (int64, error) { return 0, notThere(path) },
	}
}

func TestCPUs(t *testing.T) {
	for _, row := range []struct {
		in  string
		out []int
	}{
		{"0\n", []int{0}},
		{"0-3\n", []int{0, 1, 2, 3}},
		{"0,2-3,7\n", []int{0, 2, 3, 7}},
		{"\n", nil},
		{"3-1\n", nil},
		{"0-4000000000\n", nil},
	} {
		got, err := fake(t, map[string]string{"/sys/devices/system/cpu/online": row.in}).CPUs()
		if !slices.Equal(got, row.out) || (err == nil) != (row.out != nil) {
			t.Errorf("%q: got %v, %v; want %v", row.in, got, err, row.out)
		}
	}
	if _, err := fake(t, nil).CPUs(); err == nil {
		t.Error("no error without the file")
	}
}

func TestStat(t *testing.T) {
	h := fake(t, map[string]string{"/bin -> usr/bin": "", "/usr/bin/": "", "/etc/passwd": "x"})
	for path, want := range map[string]spec.File{
		"/bin":        {Mode: fs.ModeSymlink | 0o777, Link: "usr/bin"},
		"/usr/bin":    {Mode: fs.ModeDir | 0o755},
		"/etc/passwd": {Mode: 0o644},
	} {
		if got, err := h.Stat(path); got != want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", path, got, err, want)
		}
	}
	if _, err := h.Stat("/nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestProcess(t *testing.T) {
	h := fake(t, map[string]string{
		"/proc/self/status":        "Name:\tx\nCapInh:\t0\nCapPrm:\t0000000000000421\nCapBnd:\t0000000000000420\n",
		"/proc/self/oom_score_adj": "-17\n",
	})
	for name, want := range map[string]bool{
		"CAP_KILL":             true, // bit 5
		"kill":                 true,
		"CAP_NET_BIND_SERVICE": true,  // bit 10
		"CAP_CHOWN":            false, // bit 0: permitted, but not in the bounding set
		"CAP_SYS_ADMIN":        false,
		"CAP_NOSUCH":           false,
	} {
		if got := h.HasCapability(name); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := h.OOMScoreAdj(); got != -17 {
		t.Errorf("oom_score_adj %d, want -17", got)
	}
	empty := fake(t, nil)
	if empty.HasCapability("CAP_KILL") || empty.OOMScoreAdj() != 0 {
		t.Error("something is read from nothing")
	}
}

func TestHardLimit(t *testing.T) {
	var want unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		t.Fatal(err)
	}
	if got, err := New().HardLimit("nofile"); got != want.Max || err != nil {
		t.Errorf("nofile: got %d, %v; want %d", got, err, want.Max)
	}
	for _, name := range strings.Fields("as core cpu data fsize locks memlock msgqueue nice nproc rss rtprio rttime sigpending stack") {
		if _, err := New().HardLimit(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := New().HardLimit("nosuch"); err == nil || !strings.Contains(err.Error(), `"nosuch"`) {
		t.Errorf("got %v", err)
	}
}
