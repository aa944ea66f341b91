package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// blockIO limits each whole disk behind io.device, and weighs the service's
// share of a contended one.
func (t *translator) blockIO(unified map[string]string) (*specs.LinuxBlockIO, error) {
	in := t.service.Resources.IO
	var out specs.LinuxBlockIO
	rates := []struct {
		limit uint64
		into  *[]specs.LinuxThrottleDevice
	}{
		{uint64(max(0, value(in.ReadBPS))), &out.ThrottleReadBpsDevice},
		{uint64(max(0, value(in.WriteBPS))), &out.ThrottleWriteBpsDevice},
		{value(in.ReadIOPS), &out.ThrottleReadIOPSDevice},
		{value(in.WriteIOPS), &out.ThrottleWriteIOPSDevice},
	}
	limited := false
	for _, rate := range rates {
		limited = limited || rate.limit > 0
	}
	if limited {
		disks, err := t.disks()
		if err != nil {
			return nil, err
		}
		for _, rate := range rates {
			if rate.limit == 0 {
				continue // no limit
			}
			for _, disk := range disks {
				device := specs.LinuxThrottleDevice{Rate: rate.limit}
				device.Major, device.Minor = disk.Major, disk.Minor
				*rate.into = append(*rate.into, device)
			}
		}
	}
	weighed := t.weight(&out, unified)
	if !limited && !weighed {
		return nil, nil
	}
	return &out, nil
}

// disks are those behind io.device. Without one, they are those of all that
// the service sees of the host: a limit that somebody wrote is to hold wherever
// the service can write. File systems without a disk have nothing to limit.
func (t *translator) disks() ([]Disk, error) {
	if device := value(t.service.Resources.IO.Device); device != "" {
		disks, err := t.host.Disks(device)
		if err != nil {
			return nil, fmt.Errorf("io.device: %w", err)
		}
		return disks, nil
	}
	paths := slices.Concat([]string{rootOf(t.service)}, t.service.Filesystem.ReadOnly, t.service.Filesystem.Writable)
	if program := value(t.service.Executable); program != "" && rootOf(t.service) == "/" {
		paths = append(paths, program)
	}
	var disks []Disk
	for _, path := range paths {
		behind, err := t.host.Disks(path)
		if err == nil {
			disks = append(disks, behind...)
		}
	}
	if len(disks) == 0 {
		t.warn("io: its limits are not set: there is no disk behind %s", strings.Join(paths, ", "))
	}
	slices.SortFunc(disks, func(a, b Disk) int {
		return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor))
	})
	return slices.Compact(disks), nil
}

// weight is io.bfq.weight where the kernel has the bfq scheduler and io.weight
// where it has iocost; OCI's blockIO.weight, 10 to 1000, is the former. On a
// host without bfq runtimes stretch it over io.weight's 1 to 10000, where a
// weight of 100 becomes 910: nine times that of a cgroup that was left at the
// kernel's default, which is 100 for both. So io.weight is written as well, as
// it stands; runtimes set unified last.
func (t *translator) weight(out *specs.LinuxBlockIO, unified map[string]string) bool {
	weight := t.service.Resources.IO.Weight
	if weight == nil {
		return false
	}
	files := []string{"io.bfq.weight", "io.weight"}
	if !t.v2 {
		files = []string{"blkio.bfq.weight", "blkio.weight"}
	}
	known := slices.DeleteFunc(slices.Clone(files), func(file string) bool { return !t.host.CgroupFile(t.root, file) })
	if len(known) == 0 {
		t.warn("io.weight: %d is not set: this kernel has neither %s", *weight, strings.Join(files, " nor "))
		return false
	}
	out.Weight = weight
	if slices.Contains(known, "io.weight") {
		unified["io.weight"] = fmt.Sprint(*weight)
	}
	return true
}

// Disks are those that a service's io limits hold on: behind io.device, or
// behind everything that it sees of the host. There may be none, as on a tmpfs.
func (c *Config) Disks(service string, h Host) ([]Disk, error) {
	s, err := c.Service(service)
	if err != nil {
		return nil, err
	}
	return (&translator{config: c, name: service, service: s, host: h, out: &Translation{}}).disks()
}
