package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// within fails a test whose work takes as long as a service likes.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s does not end", what)
	}
}

// hugest is a size that the file system takes.
func hugest(t *testing.T, f *os.File) int64 {
	for size := int64(1) << 60; size > 1<<30; size >>= 1 {
		if f.Truncate(size) == nil {
			return size
		}
	}
	t.Skip("the file system has no large files")
	return 0
}

// hostile is a log, and the descriptor by which a service does to it what it likes.
func hostile(t *testing.T, maxSize int64) (*logFile, *os.File) {
	t.Helper()
	l, err := openLog(Paths{Logs: t.TempDir()}.log("a"), maxSize, 3, -1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.close() })
	out, err := l.forService()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return l, out
}

// A service gives its log any size by one call. What reads it must not go
// through all of that.
func TestLogWithHole(t *testing.T) {
	l, out := hostile(t, 10_000)
	var err error
	zeros := make([]byte, 8192)
	for _, first := range []string{"line\n", string(zeros), ""} {
		if _, err := out.WriteString(first); err != nil {
			t.Fatal(err)
		}
		hugest(t, out)
		within(t, "tend", func() { err = l.tend(time.Now()) })
		if err != nil {
			t.Fatal(err)
		}
		within(t, "dataStart", func() { _, err = dataStart(l.f) })
		if err != nil {
			t.Fatal(err)
		}
		within(t, "lastLines", func() { _, err = lastLines(l.path, 10) })
		if err != nil {
			t.Fatal(err)
		}
		// Emptied, it is rotated as before.
		if err := out.Truncate(0); err != nil {
			t.Fatal(err)
		}
		for i := range 10_000 {
			fmt.Fprintf(out, "line %d\n", i)
		}
		if err := l.tend(time.Now()); err != nil {
			t.Fatal(err)
		}
		var stat unix.Stat_t
		if err := unix.Fstat(l.fd, &stat); err != nil || stat.Blocks*512 > 40_000 {
			t.Errorf("it takes %d bytes of the disk, and may 30000: %v", stat.Blocks*512, err)
		}
	}
}

// A service has no say over the descriptor by which its log is read.
func TestDescriptorOfTheService(t *testing.T) {
	l, out := hostile(t, 1000)
	flags := func(f *os.File) int {
		n, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := flags(l.f)
	if _, err := unix.FcntlInt(out.Fd(), unix.F_SETFL, unix.O_NONBLOCK|unix.O_ASYNC); err != nil {
		t.Fatal(err)
	}
	if now := flags(l.f); now != before || now&unix.O_APPEND == 0 {
		t.Errorf("flags %o, were %o", now, before)
	}
	if _, err := out.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("it reads by the descriptor")
	}
}

// Links in a log folder that somebody else may write to lead nowhere.
func TestLogFolderOfOthers(t *testing.T) {
	dir := t.TempDir()
	p := Paths{Logs: dir}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	untouched := func() {
		t.Helper()
		data, err := os.ReadFile(secret)
		info, serr := os.Stat(secret)
		if err != nil || serr != nil || string(data) != "secret" || info.Mode().Perm() != 0o600 {
			t.Errorf("the host's file is %q %v %v", data, err, serr)
		}
	}
	for _, name := range []string{p.log("a"), p.log("a") + indexSuffix} {
		if err := os.Symlink(secret, name); err != nil {
			t.Fatal(err)
		}
		if l, err := openLog(p.log("a"), 1000, 3, 0); err == nil || !strings.Contains(err.Error(), "it is a link") {
			l.close()
			t.Errorf("%s: %v", name, err)
		}
		_ = os.Remove(name)
	}
	if err := os.Symlink(secret, p.events()); err != nil {
		t.Fatal(err)
	}
	if _, err := openEventLog(p.events(), 0); err == nil {
		t.Error("the event log is a link")
	}
	untouched()
	if err := unix.Mkfifo(p.log("b"), 0o600); err != nil {
		t.Fatal(err)
	}
	within(t, "opening a FIFO", func() {
		if l, err := openLog(p.log("b"), 1000, 3, -1); err == nil {
			l.close()
			t.Error("a FIFO is a log")
		}
	})

	l, err := openLog(p.log("c"), 1000, 3, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	for _, name := range []string{l.path + ".new", l.rotated(1), l.rotated(2)} {
		if err := os.Symlink(secret, name); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 500 {
		fmt.Fprintf(l.f, "line %d\n", i)
	}
	if err := l.tend(time.Now()); err != nil {
		t.Fatal(err)
	}
	untouched()
}
