package birth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"blackhole/internal/memfile"
)

// pids is a cgroup of version 1.
func pids(t *testing.T) string {
	t.Helper()
	dir := fmt.Sprintf("/sys/fs/cgroup/pids/birth-%d", os.Getpid())
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("no cgroup of version 1 can be made: %v", err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The thread is there while the function runs, the process is not, and afterwards
// nothing is.
func TestIn(t *testing.T) {
	dir, own := pids(t), read(t, "/proc/self/cgroup")
	want := errors.New("what it said")
	for range 20 {
		entered, err := In([]string{dir}, func() error {
			if got, want := strings.TrimSpace(read(t, dir+"/tasks")), fmt.Sprint(unix.Gettid()); got != want {
				t.Errorf("there are %q, want %s", got, want)
			}
			if now := read(t, "/proc/self/cgroup"); now != own {
				t.Errorf("the process is in\n%s, was in\n%s", now, own)
			}
			return want
		})
		if !entered || !errors.Is(err, want) {
			t.Fatalf("%v, %v", entered, err)
		}
		if got := read(t, dir+"/cgroup.procs"); got != "" {
			t.Fatalf("%q is left", got)
		}
	}
}

// In one of two is in none.
func TestInWhatIsNotThere(t *testing.T) {
	dir := pids(t)
	entered, err := In([]string{dir, dir + "/nonexistent"}, func() error {
		t.Error("it was run")
		return nil
	})
	if entered || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", entered, err)
	}
	if got := read(t, dir+"/cgroup.procs"); got != "" {
		t.Errorf("%q is left", got)
	}
}

func TestNote(t *testing.T) {
	f, err := Note("/a/b")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := memfile.Contents(int(f.Fd()))
	if err != nil || string(got) != magic+"/a/b" || !memfile.IsSealed(int(f.Fd())) {
		t.Errorf("%q, %v", got, err)
	}
	c, err := os.ReadFile(filepath.Join("clone.c"))
	if line := fmt.Sprintf("magic[] = %q;", magic); err != nil || !strings.Contains(string(c), line) {
		t.Errorf("clone.c does not have %s", line)
	}
}
