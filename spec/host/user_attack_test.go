package host

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A root file system's lists of users may be anything. Whoever asks for a user in
// them gets an answer or an error, and soon.
func TestHostileUsers(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"a FIFO":            func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"a folder":          func(path string) error { return os.Mkdir(path, 0o755) },
		"a link out of it":  func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a link by ..":      func(path string) error { return os.Symlink("../../../../../../etc/passwd", path) },
		"a link to itself":  func(path string) error { return os.Symlink(filepath.Base(path), path) },
		"an endless device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a hole of 1 TB":    func(path string) error { return firstError(os.WriteFile(path, nil, 0o644), os.Truncate(path, 1<<40)) },
		"numbers too large": func(path string) error {
			return os.WriteFile(path, []byte("me:x:99999999999999999999:0::/:/\n"), 0o644)
		},
		"a negative number": func(path string) error { return os.WriteFile(path, []byte("me:x:-1:-1::/:/\n"), 0o644) },
		"zeros":             func(path string) error { return os.WriteFile(path, []byte("me\x00:x:0:0::/:/\n\x00\x00"), 0o644) },
		"more than 32 bits": func(path string) error { return os.WriteFile(path, []byte("me:x:4294967296:4294967296::/:/\n"), 0o644) },
	} {
		for _, file := range []string{"passwd", "group"} {
			t.Run(name+" as "+file, func(t *testing.T) {
				rootfs := t.TempDir()
				etc := filepath.Join(rootfs, "etc")
				if err := firstError(os.Mkdir(etc, 0o755), put(filepath.Join(etc, file))); err != nil {
					t.Fatal(err)
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					u, err := New().User(rootfs, "me", "")
					if err == nil && file == "passwd" {
						t.Errorf("me is found: %+v", u)
					}
					if _, err := New().User(rootfs, "me", "me"); err == nil {
						t.Error("me's group is found")
					}
				}()
				select {
				case <-done:
				case <-time.After(20 * time.Second):
					t.Fatal("no answer")
				}
			})
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
