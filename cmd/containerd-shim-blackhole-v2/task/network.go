package task

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	stats1 "github.com/containerd/cgroups/v3/cgroup1/stats"
	stats2 "github.com/containerd/cgroups/v3/cgroup2/stats"
	"golang.org/x/sys/unix"
)

// errGone: the process has ended, and its network with it, as far as can be seen.
var errGone = errors.New("its process is gone")

// addNetwork adds the counters of a process's interfaces, in its own direction.
// A container in the shim's own network namespace has none of its own.
func addNetwork(metrics any, pid int) error {
	own, err := ownNetwork(pid)
	if err != nil || !own {
		return err
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return gone(err)
	}
	links, err := parseLinks(string(data))
	if err != nil {
		return err
	}
	switch m := metrics.(type) {
	case *stats1.Metrics:
		for _, l := range links {
			m.Network = append(m.Network, &stats1.NetworkStat{
				Name: l.name, RxBytes: l.rx[bytes], RxPackets: l.rx[packets], RxErrors: l.rx[errs], RxDropped: l.rx[drops],
				TxBytes: l.tx[bytes], TxPackets: l.tx[packets], TxErrors: l.tx[errs], TxDropped: l.tx[drops],
			})
		}
	case *stats2.Metrics:
		for _, l := range links {
			m.Network = append(m.Network, &stats2.NetworkStat{
				Name: l.name, RxBytes: l.rx[bytes], RxPackets: l.rx[packets], RxErrors: l.rx[errs], RxDropped: l.rx[drops],
				TxBytes: l.tx[bytes], TxPackets: l.tx[packets], TxErrors: l.tx[errs], TxDropped: l.tx[drops],
			})
		}
	}
	return nil
}

func ownNetwork(pid int) (bool, error) {
	its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return false, gone(err)
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	return its != ours, err
}

// gone tells an end from other errors.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return errGone
	}
	return err
}

// The first four of the eight columns that /proc/net/dev has for each
// direction; proc_pid_net(5).
const (
	bytes = iota
	packets
	errs
	drops
	columns = 8
)

type link struct {
	name   string
	rx, tx [4]uint64
}

// parseLinks reads /proc/PID/net/dev without the loopback.
func parseLinks(text string) ([]link, error) {
	var links []link
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "lo" { // two lines of headings have no colon
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) < 2*columns {
			return nil, fmt.Errorf("interface %s has %d columns, not %d", name, len(fields), 2*columns)
		}
		l := link{name: name}
		for i := range l.rx {
			var err error
			if l.rx[i], err = strconv.ParseUint(fields[i], 10, 64); err != nil {
				return nil, fmt.Errorf("interface %s: %w", name, err)
			}
			if l.tx[i], err = strconv.ParseUint(fields[columns+i], 10, 64); err != nil {
				return nil, fmt.Errorf("interface %s: %w", name, err)
			}
		}
		links = append(links, l)
	}
	return links, nil
}
