package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFullCgroup(t *testing.T) {
	tree := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	for _, c := range []struct {
		name, want string
		files      map[string]string
	}{
		{"the parent is full", "cgroup.max.descendants of /a/b is 3", map[string]string{
			"a/b/cgroup.max.descendants": "3\n", "a/b/cgroup.stat": "nr_descendants 3\nnr_dying_descendants 9\n"}},
		{"dying ones do not count", "cgroup.max.descendants or cgroup.max.depth of a cgroup above it was reached", map[string]string{
			"a/b/cgroup.max.descendants": "3\n", "a/b/cgroup.stat": "nr_descendants 2\nnr_dying_descendants 9\n"}},
		{"one above it is full", "cgroup.max.descendants of /a is 10", map[string]string{
			"a/b/cgroup.max.descendants": "max\n", "a/b/cgroup.stat": "nr_descendants 9\n",
			"a/cgroup.max.descendants": "10\n", "a/cgroup.stat": "nr_descendants 10\n"}},
		{"none may be in the parent", "cgroup.max.depth of /a/b is 0", map[string]string{"a/b/cgroup.max.depth": "0\n"}},
		{"too deep below one above it", "cgroup.max.depth of /a is 1", map[string]string{
			"a/b/cgroup.max.depth": "max\n", "a/cgroup.max.depth": "1\n"}},
		{"full by what is removed again", "cgroup.max.descendants of  is 4", map[string]string{
			"cgroup.max.descendants": "4\n", "cgroup.stat": "nr_descendants 2\n"}},
		{"deep enough", "cgroup.max.descendants or cgroup.max.depth of a cgroup above it was reached", map[string]string{
			"a/cgroup.max.depth": "2\n", "a/b/cgroup.max.depth": "1\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mount := tree(c.files)
			if got := strings.ReplaceAll(fullCgroup(mount, mount+"/a/b"), mount, ""); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestExplainCgroup(t *testing.T) {
	refused := func(op, path string, err error) error {
		return fmt.Errorf("unable to start: %w", &os.PathError{Op: op, Path: path, Err: err})
	}
	for _, c := range []struct {
		err  error
		more string // what the text has beside that of err
	}{
		{refused("mkdir", cgroupMount+"/none/x", unix.EAGAIN), ": cgroup.max.descendants or "},
		{refused("mkdir", cgroupMount+"/none/x", unix.ENOSPC), ": the kernel has no more than 65535 memory cgroups"},
		{refused("mkdir", cgroupMount+"/none/x", unix.EACCES), ""},
		{refused("mkdir", "/run/blackhole", unix.ENOSPC), ""},
		{refused("write", cgroupMount+"/none/x", unix.ENOSPC), ""},
		{errors.New("another"), ""},
	} {
		got := explainCgroup(c.err)
		if !errors.Is(got, c.err) {
			t.Errorf("%v is not any more what it was: %v", c.err, got)
		}
		if more := strings.TrimPrefix(got.Error(), c.err.Error()); !strings.HasPrefix(more, c.more) || (more == "") != (c.more == "") {
			t.Errorf("%v: added %q, want %q", c.err, more, c.more)
		}
	}
}
