package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// control is one file of a cgroup as it was read.
type control struct{ path, content string }

// controls are the limits of a container as the kernel holds them.
type controls []control

// limitFiles are the files that an update writes, by controller ("" is all of
// them on cgroup v2), in an order in which they can be written back: v1 wants
// memory+swap raised before memory, and lowered after, so memory comes on both
// sides of it.
func limitFiles() map[string][]string {
	return map[string][]string{
		"": {
			"cpu.idle", "cpu.weight", "cpu.max", "cpu.max.burst", "cpuset.cpus", "cpuset.mems",
			"memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max", "memory.swap.high", "memory.oom.group",
			"io.max", "io.weight", "io.bfq.weight", "io.latency", "pids.max",
		},
		"cpu":    {"cpu.idle", "cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.cfs_burst_us"},
		"cpuset": {"cpuset.cpus", "cpuset.mems"},
		"memory": {
			"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.limit_in_bytes",
			"memory.soft_limit_in_bytes", "memory.swappiness",
		},
		"blkio": {
			"blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
			"blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device", "blkio.bfq.weight", "blkio.weight",
		},
		"pids": {"pids.max"},
	}
}

// readControls reads the limits of a container's cgroups.
func readControls(cgroups map[string]string) (controls, error) {
	var all controls
	for controller, names := range limitFiles() {
		dir, ok := cgroups[controller]
		if !ok {
			continue
		}
		for _, name := range names {
			c := control{path: filepath.Join(dir, name)}
			var err error
			if c.content, err = c.read(); errors.Is(err, fs.ErrNotExist) {
				continue
			} else if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func (c control) read() (string, error) {
	data, err := os.ReadFile(c.path)
	return string(data), err
}

// restore writes back what is not as it was.
func (cs controls) restore() error {
	var left controls
	for _, c := range cs {
		if c.changed() && c.restore() != nil {
			left = append(left, c)
		}
	}
	// What failed may have waited for what came after it.
	var errs []error
	for _, c := range left {
		if err := c.restore(); err != nil && c.changed() {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c control) changed() bool {
	now, err := c.read()
	return err == nil && now != c.content
}

// restore writes line by line: files with a line for each device take one at a
// time. A device that had no line is set back to no limit first.
func (c control) restore() error {
	now, err := c.read()
	if err != nil {
		return err
	}
	var write []string
	if none, ok := noLimit(c.path); ok {
		for line := range strings.Lines(now) {
			if device, _, ok := strings.Cut(line, " "); ok && !strings.Contains(c.content, device+" ") {
				write = append(write, device+" "+none)
			}
		}
	}
	for line := range strings.Lines(c.content) {
		write = append(write, strings.TrimSpace(line))
	}
	if c.content == "" && write == nil {
		write = []string{""}
	}
	for _, line := range write {
		if err := os.WriteFile(c.path, []byte(line), 0); err != nil {
			return fmt.Errorf("cannot write %q: %w", line, err)
		}
	}
	return nil
}

// noLimit is what lifts a device's limit, in files that have a line for each.
func noLimit(path string) (string, bool) {
	switch name := filepath.Base(path); {
	case name == "io.max":
		return "rbps=max wbps=max riops=max wiops=max", true
	case strings.HasPrefix(name, "blkio.throttle."):
		return "0", true
	}
	return "", false
}
