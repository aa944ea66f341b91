package host

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
	"golang.org/x/sys/unix"
)

// resources are the limits of getrlimit(2), by name without RLIMIT_.
func resource(name string) (int, bool) {
	// The values are the kernel's for every architecture but alpha, mips and
	// sparc (include/uapi/asm-generic/resource.h); x/sys/unix has not all.
	const (
		sigpending, msgqueue, nice, rtprio, rttime = 11, 12, 13, 14, 15
	)
	switch name {
	case "as":
		return unix.RLIMIT_AS, true
	case "core":
		return unix.RLIMIT_CORE, true
	case "cpu":
		return unix.RLIMIT_CPU, true
	case "data":
		return unix.RLIMIT_DATA, true
	case "fsize":
		return unix.RLIMIT_FSIZE, true
	case "locks":
		return unix.RLIMIT_LOCKS, true
	case "memlock":
		return unix.RLIMIT_MEMLOCK, true
	case "msgqueue":
		return msgqueue, true
	case "nice":
		return nice, true
	case "nofile":
		return unix.RLIMIT_NOFILE, true
	case "nproc":
		return unix.RLIMIT_NPROC, true
	case "rss":
		return unix.RLIMIT_RSS, true
	case "rtprio":
		return rtprio, true
	case "rttime":
		return rttime, true
	case "sigpending":
		return sigpending, true
	case "stack":
		return unix.RLIMIT_STACK, true
	}
	return 0, false
}

// HardLimit is this process's hard limit of a resource, in getrlimit(2)'s
// units; spec.Infinity is no limit.
func (h *Host) HardLimit(name string) (uint64, error) {
	number, ok := resource(name)
	if !ok {
		return 0, fmt.Errorf("cannot read the hard limit of %q: no such resource", name)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(number, &limit); err != nil {
		return 0, fmt.Errorf("cannot read the hard limit of %s: %w", name, err)
	}
	return limit.Max, nil
}

// HasCapability tells whether this process holds a capability (CAP_KILL, kill)
// as permitted and may pass it on, that is, has it in its bounding set too.
// An unknown name is held by nobody.
func (h *Host) HasCapability(name string) bool {
	name = strings.TrimPrefix(strings.ToLower(name), "cap_")
	for _, known := range capability.ListKnown() {
		if known.String() == name {
			return h.capabilities("CapPrm")&h.capabilities("CapBnd")&(1<<known) != 0
		}
	}
	return false
}

// capabilities is one set of proc_pid_status(5), 0 where it cannot be read.
func (h *Host) capabilities(set string) uint64 {
	status, err := h.line("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, set+":"); ok {
			mask, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return mask
		}
	}
	return 0
}

// OOMScoreAdj is this process's own, -1000 to 1000; 0 where it cannot be read.
func (h *Host) OOMScoreAdj() int {
	line, _ := h.line("/proc/self/oom_score_adj")
	adj, _ := strconv.Atoi(line)
	return adj
}
