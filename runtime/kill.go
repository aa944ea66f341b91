package runtime

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer"
	"golang.org/x/sys/unix"
)

// Kill sends a signal to a container's first process; SIGKILL also to all
// others of a container without a pid namespace of its own. It fails with
// libcontainer.ErrNotRunning for one that has stopped.
func (r *Runtime) Kill(id string, signal unix.Signal) error {
	c, err := r.load(id)
	if err == nil {
		err = c.Signal(signal)
	}
	if err != nil {
		return fmt.Errorf("cannot send %s to container %q: %w", signalName(signal), id, err)
	}
	return nil
}

// NotRunning tells whether an error means that a container has stopped.
func NotRunning(err error) bool { return errors.Is(err, libcontainer.ErrNotRunning) }

// The kernel's real-time signals: glibc keeps the first two to itself, so its
// SIGRTMIN, which is what people mean, is 34; SIGRTMAX is 64. See signal(7).
const (
	sigRTMin = 34
	sigRTMax = 64
)

// ParseSignal reads a signal's number, or its name with or without SIG, in
// either case; real-time signals are RTMIN+n and RTMAX-n.
func ParseSignal(s string) (unix.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 0 || n > sigRTMax {
			return 0, fmt.Errorf("unknown signal %q: numbers go from 0 to %d", s, sigRTMax)
		}
		return unix.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n, nil
	}
	for base, sign := range map[string]int{"RTMIN": +1, "RTMAX": -1} {
		rest, ok := strings.CutPrefix(name, base)
		if !ok {
			continue
		}
		n := 0
		if rest != "" {
			var err error
			// Atoi reads the sign too: + after RTMIN, - after RTMAX.
			if n, err = strconv.Atoi(rest); err != nil || n*sign <= 0 {
				break
			}
		}
		if sign > 0 {
			n += sigRTMin
		} else {
			n += sigRTMax
		}
		if n >= sigRTMin && n <= sigRTMax {
			return unix.Signal(n), nil
		}
	}
	return 0, fmt.Errorf("unknown signal %q", s)
}

func signalName(s unix.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(int(s))
}
