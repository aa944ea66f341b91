package runtime

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/cgroups"
)

// allCPUs lifts a list of CPUs, by that of the cgroup above. An empty one would
// follow what that becomes, but the kernel takes none for a cgroup with processes
// (ENOSPC; validate_change in kernel/cgroup/cpuset.c).
func allCPUs(res *cgroups.Resources, paths map[string]string) error {
	dir, file := paths["cpuset"], "cpuset.cpus"
	if dir == "" {
		dir, file = paths[""], "cpuset.cpus.effective"
	}
	list, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
	if err != nil {
		return err
	}
	res.CpusetCpus = strings.TrimSpace(string(list))
	delete(res.Unified, "cpuset.cpus") // it would be written after
	return nil
}

// fileLine is one line to write to a file.
type fileLine struct{ path, line string }

// dropUnthrottled takes throttle rates of 0 out of a configuration for cgroup v2,
// and says what to write in their place: the library writes the number, and
// io.max takes no 0 but the word max. On v1 a 0 lifts the limit by itself.
func dropUnthrottled(res *cgroups.Resources, paths map[string]string) (lines []fileLine) {
	dir, v2 := paths[""]
	if _, v1 := paths["blkio"]; v1 || !v2 {
		return nil
	}
	for key, devices := range map[string]*[]*cgroups.ThrottleDevice{
		"rbps": &res.BlkioThrottleReadBpsDevice, "wbps": &res.BlkioThrottleWriteBpsDevice,
		"riops": &res.BlkioThrottleReadIOPSDevice, "wiops": &res.BlkioThrottleWriteIOPSDevice,
	} {
		var kept []*cgroups.ThrottleDevice
		for _, d := range *devices {
			if d.Rate == 0 {
				lines = append(lines, fileLine{filepath.Join(dir, "io.max"), fmt.Sprintf("%d:%d %s=max", d.Major, d.Minor, key)})
			} else {
				kept = append(kept, d)
			}
		}
		*devices = kept
	}
	return lines
}

func writeLines(lines []fileLine) error {
	var errs []error
	for _, l := range lines {
		if err := os.WriteFile(l.path, []byte(l.line), 0); err != nil {
			errs = append(errs, fmt.Errorf("cannot write %q: %w", l.line, err))
		}
	}
	return errors.Join(errs...)
}
