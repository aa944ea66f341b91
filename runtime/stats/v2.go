package stats

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// readV2 reads the one cgroup of a container on the unified hierarchy.
func readV2(cgroups map[string]string) (*Stats, error) {
	d := &folder{path: cgroups[""]}
	st := &Stats{CPU: cpuV2(d), Memory: memoryV2(d), IO: ioV2(d), Pids: pids(d)}
	return st, d.err
}

func cpuV2(d *folder) *CPU {
	var c CPU
	found := d.keyed("cpu.stat", map[string]**uint64{
		"usage_usec": &c.UsageNS, "user_usec": &c.UserNS, "system_usec": &c.SystemNS,
		"nr_periods": &c.Periods, "nr_throttled": &c.ThrottledCount, "throttled_usec": &c.ThrottledNS,
	})
	if !found {
		return nil
	}
	for _, us := range []**uint64{&c.UsageNS, &c.UserNS, &c.SystemNS, &c.ThrottledNS} {
		*us = times(*us, 1000)
	}
	c.Pressure = d.pressure("cpu.pressure")
	return &c
}

func memoryV2(d *folder) *Memory {
	m := Memory{Current: d.number("memory.current")}
	if m.Current == nil {
		return nil // the controller is not on
	}
	m.Peak = d.number("memory.peak")
	m.Limit = d.number("memory.max")
	m.Soft = d.number("memory.high")
	m.Swap = d.number("memory.swap.current")
	m.SwapLimit = d.number("memory.swap.max")
	d.keyed("memory.stat", map[string]**uint64{"anon": &m.RSS, "file": &m.Cache, "shmem": &m.Shmem})
	var e MemoryEvents
	if d.keyed("memory.events", map[string]**uint64{
		"low": &e.Low, "high": &e.High, "max": &e.Max,
		"oom": &e.OOM, "oom_kill": &e.OOMKill, "oom_group_kill": &e.OOMGroupKill,
	}) {
		m.Events = &e
	}
	m.Pressure = d.pressure("memory.pressure")
	return &m
}

// ioV2 reads io.stat: "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0".
// A device that was never used may be listed without figures.
func ioV2(d *folder) *IO {
	var o IO
	for line := range lines(d.read("io.stat")) {
		number, rest, _ := strings.Cut(line, " ")
		var dev Device
		if !dev.number(number) {
			continue // (unknown) for a disk that is gone
		}
		want := map[string]**uint64{
			"rbytes": &dev.ReadBytes, "wbytes": &dev.WriteBytes, "rios": &dev.ReadIOs, "wios": &dev.WriteIOs,
		}
		found := false
		for field := range strings.FieldsSeq(rest) {
			key, text, _ := strings.Cut(field, "=")
			if to, ok := want[key]; ok {
				*to = d.parse("io.stat", text)
				found = true
			}
		}
		if found {
			o.Devices = append(o.Devices, dev)
		}
	}
	o.Pressure = d.pressure("io.pressure")
	if o.Devices == nil && o.Pressure == nil {
		return nil
	}
	return &o
}

// number takes a device's "major:minor".
func (dev *Device) number(text string) bool {
	major, minor, ok := strings.Cut(text, ":")
	var err1, err2 error
	dev.Major, err1 = strconv.ParseUint(major, 10, 32)
	dev.Minor, err2 = strconv.ParseUint(minor, 10, 32)
	return ok && err1 == nil && err2 == nil
}

// nameDevices follows /sys/dev/block/MAJOR:MINOR, a link to the disk's folder.
func nameDevices(sys string, devices []Device) {
	for i, dev := range devices {
		if target, err := os.Readlink(filepath.Join(sys, "dev/block", dev.String())); err == nil {
			devices[i].Name = filepath.Base(target)
		}
	}
}

func (dev Device) String() string { return fmt.Sprintf("%d:%d", dev.Major, dev.Minor) }

// pids reads the pids controller, the same on v1 and v2.
func pids(d *folder) *Pids {
	p := Pids{Current: d.number("pids.current"), Limit: d.number("pids.max")}
	if p.Current == nil {
		return nil
	}
	return &p
}
