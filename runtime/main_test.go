package runtime

import (
	"os"
	goruntime "runtime"
	"testing"

	"blackhole/internal/ownthread"
)

// TestMain keeps the first thread, as a supervisor does: libcontainer's threads that
// enter a container would leave it there, and /proc/self with it.
func TestMain(m *testing.M) {
	goruntime.LockOSThread()
	code := 0
	_ = ownthread.Beside(func() error {
		code = m.Run()
		return nil
	})
	os.Exit(code)
}
