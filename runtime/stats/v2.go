package stats

import (
	"bytes"
	"fmt"
	"strconv"
)

// readV2 reads the one cgroup of a container on the unified hierarchy.
func readV2(r *reader, how depth) (*Stats, error) {
	d, st := r.of(""), &Stats{}
	if how == resting {
		st.CPU, st.IO = r.last.CPU, r.last.IO.alone()
	} else {
		st.CPU, st.IO = cpuV2(d, how), ioV2(d)
	}
	st.Memory, st.Pids = memoryV2(d, how), pids(d, how)
	if p := d.pressure("io.pressure"); p != nil {
		if st.IO == nil {
			st.IO = &IO{}
		}
		st.IO.Pressure = p
	}
	return st, d.err
}

func cpuV2(d *folder, how depth) *CPU {
	c := d.r.cpu
	if c == nil {
		c = cpuStat(d, d.read("cpu.stat"))
	}
	if c != nil && how == whole {
		c.Pressure = d.pressure("cpu.pressure")
	}
	return c
}

func cpuStat(d *folder, text []byte) *CPU {
	var c CPU
	found := d.take("cpu.stat", text, keys{
		{"usage_usec", &c.UsageNS}, {"user_usec", &c.UserNS}, {"system_usec", &c.SystemNS},
		{"nr_periods", &c.Periods}, {"nr_throttled", &c.ThrottledCount}, {"throttled_usec", &c.ThrottledNS},
	})
	if !found {
		return nil
	}
	for _, us := range []*uint64{c.UsageNS, c.UserNS, c.SystemNS, c.ThrottledNS} {
		times(us, 1000)
	}
	return &c
}

func memoryV2(d *folder, how depth) *Memory {
	m := Memory{Current: d.number("memory.current")}
	if m.Current == nil {
		return nil // the controller is not on
	}
	if how != brief {
		m.Limit = d.number("memory.max")
		m.Soft = d.number("memory.high")
		m.SwapLimit = d.number("memory.swap.max")
	} else {
		m.limitsOf(d.r.last.Memory)
	}
	if how == whole {
		m.Peak, m.Pressure = d.number("memory.peak"), d.pressure("memory.pressure")
	}
	m.Swap = d.number("memory.swap.current")
	if how == brief && d.r.hardlyMoved(&m) {
		m.detailOf(d.r.last.Memory)
	} else {
		d.keyed("memory.stat", keys{{"anon", &m.RSS}, {"file", &m.Cache}, {"shmem", &m.Shmem}})
		d.r.detail = *m.Current
	}
	var e MemoryEvents
	if d.keyed("memory.events", keys{
		{"low", &e.Low}, {"high", &e.High}, {"max", &e.Max},
		{"oom", &e.OOM}, {"oom_kill", &e.OOMKill}, {"oom_group_kill", &e.OOMGroupKill},
	}) {
		m.Events = &e
	}
	return &m
}

// hardlyMoved: memory is so far from its limit, and so near to what it was when
// memory.stat was read, that this need not be read again.
func (r *reader) hardlyMoved(m *Memory) bool {
	if r.last.Memory == nil {
		return false
	}
	room, used := uint64(1<<20), *m.Current
	if m.Limit != nil {
		if float64(used) >= r.near*float64(*m.Limit) {
			return false
		}
		room = *m.Limit / 64
	}
	return r.near > 0 && max(used, r.detail)-min(used, r.detail) <= room
}

func (m *Memory) detailOf(last *Memory) { m.Cache, m.Shmem, m.RSS = last.Cache, last.Shmem, last.RSS }

// limitsOf takes over what an earlier reading found.
func (m *Memory) limitsOf(last *Memory) {
	if last != nil {
		m.Limit, m.Soft, m.SwapLimit = last.Limit, last.Soft, last.SwapLimit
	}
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
	if o.Devices == nil {
		return nil
	}
	return &o
}

// alone is what was counted, without the pressure.
func (o *IO) alone() *IO {
	if o == nil || o.Devices == nil {
		return nil
	}
	return &IO{Devices: o.Devices}
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
func pids(d *folder, how depth) *Pids {
	p := Pids{Current: d.number("pids.current")}
	if p.Current == nil {
		return nil
	}
	if how != brief {
		p.Limit = d.number("pids.max")
	} else if last := d.r.last.Pids; last != nil {
		p.Limit = last.Limit
	}
	return &p
}
