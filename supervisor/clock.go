package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The clock of the host may be set, by hours or years, while services run. What
// is measured here is measured by the monotonic clock, of which each time.Now()
// has a reading; only what is told and written down is a time of day.

// clockStep is how far the clock must have been set for a time of day from before
// to be wrong. Below that it stays as it was told first.
const clockStep = time.Second

// onClock is a time of this process in the clock as it is set now, so that whoever
// is told it can tell how long ago that was.
func onClock(t, now time.Time) time.Time {
	lasted := now.Sub(t) // without a reading in both, of the time of day
	if step := now.Round(0).Sub(t.Round(0)) - lasted; step.Abs() < clockStep {
		return t
	}
	return now.Add(-lasted)
}

// startedAt is when a process was started, by the kernel's count since boot: the
// time of day from then may be of a clock that has been set since.
func startedAt(pid int) (time.Time, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return time.Time{}, err
	}
	var boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return time.Time{}, os.NewSyscallError("clock_gettime", err)
	}
	now := time.Now()
	// The second field, the program's name, may have anything in it: field 3 is the
	// first one behind it.
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return time.Time{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+2)
	}
	ticks, err := strconv.ParseInt(string(fields[19]), 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all that Go runs on
	return now.Add(time.Duration(ticks)*tick - time.Duration(boot.Nano())), nil
}
