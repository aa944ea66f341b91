// Package ownthread runs functions in threads that end with them.
package ownthread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Go runs f in a goroutine whose thread is used for nothing else and ends with it: f
// may change namespaces, credentials and the working directory (unshare(2) with
// CLONE_FS) of the thread.
//
// It is never the process's first thread, for Go parks that one instead of ending
// it: what it had entered would stay, and be what /proc/self shows.
func Go(f func()) {
	started := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			Go(func() {
				close(started)
				f()
			})
			<-started // by another thread: this one is taken until then
			runtime.UnlockOSThread()
			return
		}
		f() // and no unlock
	}()
}

// Beside runs f in another goroutine and waits for it. Called by a main goroutine
// that holds the first thread (runtime.LockOSThread at the start of main), it
// keeps that thread from all others: for processes that live long, in which
// libraries too lock threads and never unlock them.
func Beside(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return <-done
}
