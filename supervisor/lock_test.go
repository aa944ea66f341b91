package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func lockFolder(t *testing.T) Paths {
	t.Helper()
	p := Paths{Root: t.TempDir()}
	if err := os.Mkdir(p.dir(), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

// holder is somebody who has the lock.
func holder(t *testing.T, p Paths, pid int) *os.File {
	t.Helper()
	f, err := os.OpenFile(p.lock(), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func own(t *testing.T, f *os.File, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if pidIn(f) != fmt.Sprint(os.Getpid()) {
		t.Errorf("the lock is of %s", pidIn(f))
	}
}

// The lock of a supervisor that was killed is waited for until its last thread is gone.
func TestLockOfAKilledOne(t *testing.T) {
	p := lockFolder(t)
	killed := exec.Command("sleep", "100")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Process.Kill()
	defer func() { _ = killed.Wait() }() // a zombie until then
	for deadline := time.Now().Add(10 * time.Second); !dying(fmt.Sprint(killed.Process.Pid)) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	h := holder(t, p, killed.Process.Pid)
	listener, err := net.Listen("unix", p.socket())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	time.AfterFunc(200*time.Millisecond, func() { h.Close() })
	f, err := p.takeLock()
	own(t, f, err)
}

// One that answers is told of at once; one that does not yet, or not any more, is
// waited for.
func TestLockOfALivingOne(t *testing.T) {
	p := lockFolder(t)
	h := holder(t, p, os.Getpid())
	listener, err := net.Listen("unix", p.socket())
	if err != nil {
		t.Fatal(err)
	}
	if f, err := p.takeLock(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("a supervisor runs already, as pid %d", os.Getpid())) {
		t.Errorf("beside one that lives: %v, %v", f, err)
	}
	listener.Close()
	time.AfterFunc(200*time.Millisecond, func() {
		_ = os.Remove(p.lock())
		h.Close()
	})
	f, err := p.takeLock()
	own(t, f, err)
	if _, err := os.Stat(p.lock()); err != nil {
		t.Errorf("the lock that was taken is nobody's: %v", err)
	}
	if err := os.RemoveAll(p.dir()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.takeLock(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

// One that never answers is not called a supervisor.
func TestLockOfASilentOne(t *testing.T) {
	defer func(was time.Duration) { lockPatience = was }(lockPatience)
	lockPatience = 50 * time.Millisecond
	p := lockFolder(t)
	defer holder(t, p, os.Getpid()).Close()
	_, err := p.takeLock()
	if want := fmt.Sprintf("process %d has %s and does not answer: another down", os.Getpid(), p.lock()); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, not %q", err, want)
	}
}

// A lock whose file was removed, or removed and made anew, is nobody's.
func TestLockOfARemovedFile(t *testing.T) {
	p := lockFolder(t)
	h := holder(t, p, 1)
	defer h.Close()
	if !isFile(h, p.lock()) {
		t.Error("not held at first")
	}
	if err := os.Remove(p.lock()); err != nil {
		t.Fatal(err)
	}
	if isFile(h, p.lock()) {
		t.Error("held without a file")
	}
	f, err := p.takeLock()
	own(t, f, err)
	if isFile(h, p.lock()) {
		t.Error("held by the file of another")
	}
}

// Two never have it at a time, however they come and go: who ends removes the file.
func TestLockIsOnes(t *testing.T) {
	p := lockFolder(t)
	var all sync.WaitGroup
	var holders atomic.Int32
	for range 8 {
		all.Go(func() {
			for range 200 {
				f, err := p.takeLock()
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d have it", n)
				}
				time.Sleep(50 * time.Microsecond)
				holders.Add(-1)
				_ = os.Remove(p.lock())
				f.Close()
			}
		})
	}
	all.Wait()
}
