package hooks

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A file that was closed by its number, and is left to the garbage collector, closes
// nothing that is opened afterwards.
func TestOutlive(t *testing.T) {
	const files = 50
	for range 20 {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = os.NewFile(uintptr(fd), "stray")
		unix.Close(fd)
		outlive()
		var later [files]int
		for i := range later {
			if later[i], err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		for _, fd := range later {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
				t.Errorf("descriptor %d was closed", fd)
			}
			unix.Close(fd)
		}
	}
}

// Without such a file it gives everything back.
func TestOutliveNothing(t *testing.T) {
	count := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := count()
	outlive()
	if now := count(); now != before {
		t.Errorf("%d descriptors before and %d after", before, now)
	}
}
