package supervisor

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func quietLog(t *testing.T) (l *logFile, w *watcher, out *os.File) {
	t.Helper()
	w, err := newWatcher(func(string) {}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	p := Paths{Logs: t.TempDir()}
	if l, err = openLog(p.log("a"), 1000, 3, -1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	l.await = w.await
	if out, err = l.forService(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return l, w, out
}

// look looks so often, and each time but the last finds that it is not quiet.
func look(t *testing.T, l *logFile, times int) {
	t.Helper()
	for i := range times {
		if l.quiet.Load() {
			t.Fatalf("quiet after %d looks", i)
		}
		if err := l.tend(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func wakes(t *testing.T, l *logFile) {
	t.Helper()
	for range 1000 {
		if !l.quiet.Load() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nobody told that it was changed")
}

// A log is quiet once it has been still for long, and not any more when something
// is written to it, or it is emptied, or is to be kept otherwise.
func TestQuietLog(t *testing.T) {
	l, w, out := quietLog(t)
	write := func() {
		if _, err := fmt.Fprintln(out, "a line"); err != nil {
			t.Fatal(err)
		}
	}
	for what, change := range map[string]func(){
		"written to": write,
		"emptied":    func() { _ = out.Truncate(0) },
		"resized":    func() { l.resize(2000, 3) },
	} {
		write()
		look(t, l, 1)
		look(t, l, stillLooks)
		if !l.quiet.Load() {
			t.Fatalf("before it is %s it is not quiet", what)
		}
		change()
		wakes(t, l)
		look(t, l, 1)
		if size, err := out.Seek(0, 2); err != nil || l.marked != size {
			t.Errorf("%s: marked up to %d of %d, %v", what, l.marked, size, err)
		}
	}
	write()
	look(t, l, 1+stillLooks)
	w.forget(l)
	if len(w.logs) != 0 {
		t.Error("it is watched on")
	}
}

// What is written just before the kernel is asked to tell is not overlooked.
func TestLogWrittenBeforeItIsAwaited(t *testing.T) {
	l, w, out := quietLog(t)
	l.await = func(l *logFile) error {
		if _, err := fmt.Fprintln(out, "a line"); err != nil {
			t.Error(err)
		}
		return w.await(l)
	}
	look(t, l, stillLooks+1)
	if l.quiet.Load() || l.marked != int64(len("a line\n")) {
		t.Errorf("quiet: %t; marked up to %d", l.quiet.Load(), l.marked)
	}
	l.await = func(*logFile) error { return unix.ENOSPC } // max_user_watches
	look(t, l, 2*stillLooks)
	if l.quiet.Load() {
		t.Error("quiet, and nobody tells of it")
	}
}

// One that could not be rotated is looked at again, whether it is written to or not.
func TestLogThatCannotBeRotatedIsNotQuiet(t *testing.T) {
	l, _, out := quietLog(t)
	if _, err := out.WriteString(strings.Repeat("a line\n", 200)); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{l.rotated(1), l.rotated(2) + "/full"} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 * stillLooks {
		if err := l.tend(time.Now()); err == nil {
			t.Fatal("it could be rotated")
		}
	}
	if l.quiet.Load() {
		t.Error("quiet, and it is too large")
	}
}

// Where the kernel lost events, any log may have changed.
func TestLogsWakeAfterAnOverflow(t *testing.T) {
	l, w, _ := quietLog(t)
	look(t, l, stillLooks)
	if !l.quiet.Load() {
		t.Fatal("not quiet")
	}
	w.mu.Lock()
	w.wakeLogs(&unix.InotifyEvent{Wd: -1, Mask: unix.IN_Q_OVERFLOW})
	w.mu.Unlock()
	if l.quiet.Load() || len(w.logs) != 0 {
		t.Errorf("quiet: %t, watched: %d", l.quiet.Load(), len(w.logs))
	}
}
