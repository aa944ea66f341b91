package stats

import (
	"bytes"
	"slices"
)

// noLimitV1 is what v1's memory files hold without a limit: the greatest
// multiple of a page in an int64, whatever the page size up to 64 KiB.
const noLimitV1 = 0x7fffffffffff0000

// readV1 reads one folder of each hierarchy. v1 has no pressure files; the v2
// hierarchy that may be mounted beside it has.
func readV1(r *reader) (*Stats, error) {
	var st Stats
	for _, part := range []struct {
		controller string
		read       func(d *folder)
	}{
		{"cpuacct", func(d *folder) { st.CPU = cpuacctV1(d) }},
		{"cpu", func(d *folder) { st.CPU = cpuV1(d, st.CPU) }},
		{"memory", func(d *folder) { st.Memory = memoryV1(d) }},
		{"blkio", func(d *folder) { st.IO = ioV1(d) }},
		{"pids", func(d *folder) { st.Pids = pids(d) }},
		{"", func(d *folder) { pressureBeside(d, &st) }},
	} {
		d := r.of(part.controller)
		part.read(d)
		if d.err != nil {
			return nil, d.err
		}
	}
	return &st, nil
}

func pressureBeside(d *folder, st *Stats) {
	if st.CPU != nil {
		st.CPU.Pressure = d.pressure("cpu.pressure")
	}
	if st.Memory != nil {
		st.Memory.Pressure = d.pressure("memory.pressure")
	}
	if p := d.pressure("io.pressure"); p != nil {
		if st.IO == nil {
			st.IO = &IO{}
		}
		st.IO.Pressure = p
	}
}

func cpuacctUsage(d *folder) *uint64 { return d.number("cpuacct.usage") }

func cpuacctV1(d *folder) *CPU {
	c := CPU{
		UsageNS:  cpuacctUsage(d),
		UserNS:   d.number("cpuacct.usage_user"),
		SystemNS: d.number("cpuacct.usage_sys"),
	}
	if c.UsageNS == nil {
		return nil
	}
	return &c
}

// cpuV1 adds what the cpu controller knows; throttled_time is in nanoseconds.
func cpuV1(d *folder, c *CPU) *CPU {
	add := CPU{}
	if c != nil {
		add = *c
	}
	if !d.keyed("cpu.stat", keys{
		{"nr_periods", &add.Periods}, {"nr_throttled", &add.ThrottledCount}, {"throttled_time", &add.ThrottledNS},
	}) {
		return c
	}
	return &add
}

func memoryV1(d *folder) *Memory {
	m := Memory{Current: d.number("memory.usage_in_bytes")}
	if m.Current == nil {
		return nil
	}
	m.Peak = d.number("memory.max_usage_in_bytes")
	m.Limit = limitV1(d.number("memory.limit_in_bytes"))
	m.Soft = limitV1(d.number("memory.soft_limit_in_bytes"))
	d.keyed("memory.stat", keys{{"total_cache", &m.Cache}, {"total_shmem", &m.Shmem}, {"total_rss", &m.RSS}, {"total_swap", &m.Swap}})
	if both := limitV1(d.number("memory.memsw.limit_in_bytes")); both != nil && m.Limit != nil && *both >= *m.Limit {
		swap := *both - *m.Limit
		m.SwapLimit = &swap
	}
	e := MemoryEvents{Max: d.number("memory.failcnt")}
	d.keyed("memory.oom_control", keys{{"oom_kill", &e.OOMKill}}) // kernel 4.13
	if e != (MemoryEvents{}) {
		m.Events = &e
	}
	return &m
}

func limitV1(n *uint64) *uint64 {
	if n != nil && *n >= noLimitV1 {
		return nil
	}
	return n
}

// ioV1 reads the throttling layer's own counters, which exist with every I/O
// scheduler: "254:0 Read 4096", and a line "Total 4096" at the end.
func ioV1(d *folder) *IO {
	var o IO
	for _, f := range []struct {
		file        string
		read, write func(*Device) **uint64
	}{
		{"blkio.throttle.io_service_bytes_recursive", func(v *Device) **uint64 { return &v.ReadBytes }, func(v *Device) **uint64 { return &v.WriteBytes }},
		{"blkio.throttle.io_serviced_recursive", func(v *Device) **uint64 { return &v.ReadIOs }, func(v *Device) **uint64 { return &v.WriteIOs }},
	} {
		for line := range lines(d.read(f.file)) {
			fields := bytes.Fields(line)
			var dev Device
			if len(fields) != 3 || !dev.number(fields[0]) {
				continue
			}
			i := slices.IndexFunc(o.Devices, func(have Device) bool { return have.Major == dev.Major && have.Minor == dev.Minor })
			if i < 0 {
				i, o.Devices = len(o.Devices), append(o.Devices, dev)
			}
			switch string(fields[1]) {
			case "Read":
				*f.read(&o.Devices[i]) = d.parse(f.file, fields[2])
			case "Write":
				*f.write(&o.Devices[i]) = d.parse(f.file, fields[2])
			}
		}
	}
	if o.Devices == nil {
		return nil
	}
	return &o
}
