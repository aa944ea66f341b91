package ownthread

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestGoEndsItsThread(t *testing.T) {
	first := 0
	for range 200 {
		tid := make(chan int)
		Go(func() { tid <- unix.Gettid() })
		id := <-tid
		if id == os.Getpid() {
			t.Fatal("it ran in the first thread")
		}
		gone := false
		for deadline := time.Now().Add(5 * time.Second); !gone && time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
			_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", id))
			gone = err != nil
		}
		if !gone {
			t.Fatalf("thread %d does not end", id)
		}
		// Whether the first one is given to goroutines at all.
		done := make(chan bool)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			done <- unix.Gettid() == os.Getpid()
		}()
		if <-done {
			first++
		}
	}
	t.Logf("another goroutine had the first thread %d times", first)
}

// From the first thread itself, which Go would choose for what it starts.
func TestGoFromTheFirstThread(t *testing.T) {
	for range 50 {
		got := make(chan int)
		go func() { // many, so that some begin in the first thread
			Go(func() { got <- unix.Gettid() })
		}()
		if <-got == os.Getpid() {
			t.Fatal("it ran in the first thread")
		}
	}
}
