package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The lock of a supervisor that was killed is waited for until its last thread is gone;
// one that lives is told of at once.
func TestLockOfAKilledOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	killed := exec.Command("sleep", "100")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Process.Kill()
	defer func() { _ = killed.Wait() }() // a zombie until then
	for deadline := time.Now().Add(10 * time.Second); !dying(fmt.Sprint(killed.Process.Pid)) && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	holder, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(holder.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	holds := func(pid int) {
		if err := os.WriteFile(path, fmt.Appendln(nil, pid), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holds(os.Getpid())
	if f, err := takeLock(path); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("a supervisor runs already, as pid %d", os.Getpid())) {
		t.Errorf("beside one that lives: %v, %v", f, err)
	}
	holds(killed.Process.Pid)
	go func() {
		time.Sleep(200 * time.Millisecond)
		holder.Close()
	}()
	f, err := takeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if pidIn(f) != fmt.Sprint(os.Getpid()) {
		t.Errorf("the lock is of %s", pidIn(f))
	}
	f.Close()
}
