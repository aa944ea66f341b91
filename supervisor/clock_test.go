package supervisor

import (
	"os/exec"
	"testing"
	"time"
)

func TestStartedAt(t *testing.T) {
	before := time.Now()
	sleep := exec.Command("sleep", "100")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	after := time.Now()
	got, err := startedAt(sleep.Process.Pid)
	if err != nil || got.Before(before.Add(-20*time.Millisecond)) || got.After(after.Add(20*time.Millisecond)) {
		t.Errorf("started at %v, not between %v and %v: %v", got, before, after, err)
	}
	if sleep.Process.Kill(); sleep.Wait() == nil {
		t.Fatal("it was not killed")
	}
	if _, err := startedAt(sleep.Process.Pid); err == nil {
		t.Error("a process that is gone has a start")
	}
}
