// Package headroom sees to it that a process which runs out of threads or
// descriptors says so in a line, and does so before it has made anything. What
// the Go runtime itself cannot get it does not report, it aborts.
package headroom

// #cgo LDFLAGS: -Wl,--wrap=pthread_create
import "C"

import (
	goruntime "runtime"
	"sync"
)

// Threads has the process own n threads more, idle; the Go runtime takes these
// before it asks the kernel for new ones. Where they are not to be had the
// process ends with a line that says why.
func Threads(n int) {
	var all, done sync.WaitGroup
	all.Add(n)
	for range n {
		done.Go(func() {
			goruntime.LockOSThread()
			all.Done()
			all.Wait()
			goruntime.UnlockOSThread()
		})
	}
	done.Wait()
}
