package runtime

import (
	"errors"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// zombie starts a program under a name, and waits until it has ended unreaped.
func zombie(t *testing.T, name string) int {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("cp", "/bin/true", path).CombinedOutput(); err != nil {
		t.Fatalf("cp: %s", out)
	}
	cmd := exec.Command(path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	t.Cleanup(func() { _ = cmd.Wait() })
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var info unix.Siginfo
		if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err == nil && info.Signo != 0 {
			return pid
		}
	}
	t.Fatalf("%s does not end", name)
	return 0
}

func reaped(pid int) bool {
	var info unix.Siginfo
	return errors.Is(unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil), unix.ECHILD)
}

func TestReapStraysReapsNothingElse(t *testing.T) {
	other := make(chan int)
	end := make(chan struct{})
	defer close(end)
	goruntime.LockOSThread() // so that the one beside is of another thread
	defer goruntime.UnlockOSThread()
	go func() { // a start beside this one
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		other <- zombie(t, "runc:[2:INIT]")
		<-end
	}()
	beside, earlier := <-other, zombie(t, "runc:[2:INIT]")
	var first, second, program int
	failed := errors.New("the container ends")
	err := reaping(func() error {
		first, second, program = zombie(t, "runc:[1:CHILD]"), zombie(t, "runc:[2:INIT]"), zombie(t, "program")
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("the error is %v", err)
	}
	if !reaped(first) || !reaped(second) {
		t.Error("a stray is still a zombie: the pid namespace that it joined cannot end")
	}
	if reaped(beside) || reaped(earlier) || reaped(program) {
		t.Error("a process was reaped whose exit code somebody waits for")
	}
}

func TestReapingLeavesASuccess(t *testing.T) {
	var first int
	if err := reaping(func() error { first = zombie(t, "runc:[2:INIT]"); return nil }); err != nil {
		t.Fatal(err)
	}
	if reaped(first) {
		t.Error("a process that started was reaped")
	}
}

func TestReapStraysOfACreation(t *testing.T) {
	first, second, program := zombie(t, "runc:[1:CHILD]"), zombie(t, "runc:[2:INIT]"), zombie(t, "program")
	reapStrays(firstStray, allChildren)
	if !reaped(first) {
		t.Error("the stray is still a zombie: the pid namespace that it joined cannot end")
	}
	if reaped(second) || reaped(program) {
		t.Error("a process was reaped whose exit code somebody waits for")
	}
}
