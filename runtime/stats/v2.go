package stats

import (
	"bytes"
	"fmt"
	"strconv"
)

// readV2 reads the one cgroup of a container on the unified hierarchy.
func readV2(r *reader) (*Stats, error) {
	d := r.of("")
	st := &Stats{CPU: cpuV2(d), Memory: memoryV2(d), IO: ioV2(d), Pids: pids(d)}
	return st, d.err
}

func cpuV2(d *folder) *CPU {
	var c CPU
	found := d.keyed("cpu.stat", keys{
		{"usage_usec", &c.UsageNS}, {"user_usec", &c.UserNS}, {"system_usec", &c.SystemNS},
		{"nr_periods", &c.Periods}, {"nr_throttled", &c.ThrottledCount}, {"throttled_usec", &c.ThrottledNS},
	})
	if !found {
		return nil
	}
	for _, us := range []*uint64{c.UsageNS, c.UserNS, c.SystemNS, c.ThrottledNS} {
		times(us, 1000)
	}
	c.Pressure = d.pressure("cpu.pressure")
	return &c
}

// cpuUsage is the first line of cpu.stat.
func cpuUsage(d *folder) (used *uint64) {
	d.keyed("cpu.stat", keys{{"usage_usec", &used}})
	times(used, 1000)
	return used
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
	d.keyed("memory.stat", keys{{"anon", &m.RSS}, {"file", &m.Cache}, {"shmem", &m.Shmem}})
	var e MemoryEvents
	if d.keyed("memory.events", keys{
		{"low", &e.Low}, {"high", &e.High}, {"max", &e.Max},
		{"oom", &e.OOM}, {"oom_kill", &e.OOMKill}, {"oom_group_kill", &e.OOMGroupKill},
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
		number, rest, _ := bytes.Cut(line, []byte(" "))
		var dev Device
		if !dev.number(number) {
			continue // (unknown) for a disk that is gone
		}
		found := false
		for len(rest) > 0 {
			var field []byte
			field, rest, _ = bytes.Cut(rest, []byte(" "))
			key, text, _ := bytes.Cut(field, []byte("="))
			if to := dev.counter(string(key)); to != nil {
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

// counter is where a figure of io.stat belongs, nil for one that is not kept.
func (dev *Device) counter(key string) **uint64 {
	switch key {
	case "rbytes":
		return &dev.ReadBytes
	case "wbytes":
		return &dev.WriteBytes
	case "rios":
		return &dev.ReadIOs
	case "wios":
		return &dev.WriteIOs
	}
	return nil
}

// number takes a device's "major:minor".
func (dev *Device) number(text []byte) bool {
	major, minor, ok := bytes.Cut(text, []byte(":"))
	var err1, err2 error
	dev.Major, err1 = strconv.ParseUint(string(major), 10, 32)
	dev.Minor, err2 = strconv.ParseUint(string(minor), 10, 32)
	return ok && err1 == nil && err2 == nil
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
