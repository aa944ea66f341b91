package runtime

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

func TestHome(t *testing.T) {
	root := t.TempDir()
	list := filepath.Join(root, "etc/passwd")
	if err := os.MkdirAll(filepath.Dir(list), 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to string) func() {
		return func() {
			if err := os.Symlink(to, list); err != nil {
				t.Fatal(err)
			}
		}
	}
	put("users", "root:x:0:0::/root:\na:x:7:7::/a:/\nb:x:8:8:::/\n")
	for _, test := range []struct {
		name string
		make func()
		uid  int
		want string
	}{
		{"none", func() {}, 0, "/"},
		{"a file", func() { put("etc/passwd", "root:x:0:0::/r:\n") }, 0, "/r"},
		{"another user", func() { put("etc/passwd", "root:x:0:0::/r:\n") }, 5, "/"},
		{"a link of its own", link("/users"), 7, "/a"},
		{"a relative one", link("../../../users"), 7, "/a"},
		{"an empty home", link("/users"), 8, "/"},
		{"the host's", link("/../../../../../../../../etc/passwd"), 0, "/"},
		{"kernel's log", link("/proc/kmsg"), 0, "/"},
		{"a circle", link("passwd"), 0, "/"},
		{"a FIFO", func() {
			if err := unix.Mkfifo(list, 0o644); err != nil {
				t.Fatal(err)
			}
		}, 0, "/"},
	} {
		if err := os.RemoveAll(list); err != nil {
			t.Fatal(err)
		}
		test.make()
		if got := homeBelow(root, test.uid); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	// Of a running container's root, which has a proc, by a link.
	if err := os.RemoveAll(list); err != nil {
		t.Fatal(err)
	}
	if _, err := readUsers("/proc/self/root"); err != nil {
		t.Errorf("this process's own: %v", err)
	}
	config := &configs.Config{Rootfs: root}
	if home, ok := homeBeforeMounts(config, 0); !ok || home != "/" {
		t.Errorf("%q %v", home, ok)
	}
	config.Mounts = []*configs.Mount{{Destination: "/etc/passwd"}}
	if _, ok := homeBeforeMounts(config, 0); ok {
		t.Error("what is mounted on the list was not seen")
	}
	for _, test := range []struct {
		env []string
		has bool
	}{{nil, false}, {[]string{"HOME=/a"}, true}, {[]string{"HOME=/a", "HOME="}, false}, {[]string{"HOMES=/a"}, false}} {
		if hasHome(test.env) != test.has {
			t.Errorf("%q", test.env)
		}
	}
}
