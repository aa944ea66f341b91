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
func readV1(r *reader, how depth) (*Stats, error) {
	var st Stats
	cpuacct, cpu, memory, blkio, procs, beside := r.of("cpuacct"), r.of("cpu"), r.of("memory"), r.of("blkio"), r.of("pids"), r.of("")
	if how == resting {
		st.CPU, st.IO = r.last.CPU, r.last.IO.alone()
	} else {
		st.CPU, st.IO = cpuV1(cpu, cpuacctV1(cpuacct, how)), ioV1(blkio, how)
	}
	st.Memory, st.Pids = memoryV1(memory, how), pids(procs, how)
	pressureBeside(beside, how, &st)
	for _, d := range []*folder{cpuacct, cpu, memory, blkio, procs, beside} {
		if d.err != nil {
			return nil, d.err
		}
	}
	return &st, nil
}

func pressureBeside(d *folder, how depth, st *Stats) {
	if st.CPU != nil && how == whole {
		st.CPU.Pressure = d.pressure("cpu.pressure")
	}
	if st.Memory != nil && how == whole {
		st.Memory.Pressure = d.pressure("memory.pressure")
	}
	if p := d.pressure("io.pressure"); p != nil {
		if st.IO == nil {
			st.IO = &IO{}
		}
		st.IO.Pressure = p
	}
}

func cpuacctV1(d *folder, how depth) *CPU {
	c := d.r.cpu
	if c == nil {
		c = &CPU{UsageNS: d.number("cpuacct.usage")}
	}
	if c.UsageNS == nil {
		return nil
	}
	if how == whole {
		c.UserNS, c.SystemNS = d.number("cpuacct.usage_user"), d.number("cpuacct.usage_sys")
	}
	return c
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

func memoryV1(d *folder, how depth) *Memory {
	m := Memory{Current: d.number("memory.usage_in_bytes")}
	if m.Current == nil {
		return nil
	}
	var e MemoryEvents
	if how != brief {
		m.Limit = limitV1(d.number("memory.limit_in_bytes"))
		m.Soft = limitV1(d.number("memory.soft_limit_in_bytes"))
		if both := limitV1(d.number("memory.memsw.limit_in_bytes")); both != nil && m.Limit != nil && *both >= *m.Limit {
			m.SwapLimit = d.r.figure(*both - *m.Limit)
		}
	} else {
		m.limitsOf(d.r.last.Memory)
	}
	// Swap is told of here alone, and may have a limit.
	if last := d.r.last; how == brief && (m.SwapLimit == nil || *m.SwapLimit == 0) && d.r.hardlyMoved(&m) {
		m.detailOf(last.Memory)
		m.Swap = last.Memory.Swap
	} else {
		d.keyed("memory.stat", keys{{"total_cache", &m.Cache}, {"total_shmem", &m.Shmem}, {"total_rss", &m.RSS}, {"total_swap", &m.Swap}})
		d.r.detail = *m.Current
	}
	if how == whole {
		m.Peak, e.Max = d.number("memory.max_usage_in_bytes"), d.number("memory.failcnt")
	}
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
// scheduler: "254:0 Read 4096", and a line "Total 4096" at the end. The kernel
// counts the bytes of an operation before the operation itself (blk_should_throtl
// in block/blk-throttle.h), so without a new one they need not be read.
func ioV1(d *folder, how depth) *IO {
	const operations, volume = "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_service_bytes_recursive"
	text := d.read(operations)
	if how == brief && d.r.last != nil && bytes.Equal(text, d.r.operations) {
		return d.r.last.IO.alone()
	}
	d.r.operations = append(d.r.operations[:0], text...)
	var o IO
	o.countV1(d, operations, text, func(v *Device) (read, write **uint64) { return &v.ReadIOs, &v.WriteIOs })
	o.countV1(d, volume, d.read(volume), func(v *Device) (read, write **uint64) { return &v.ReadBytes, &v.WriteBytes })
	if o.Devices == nil {
		return nil
	}
	return &o
}

func (o *IO) countV1(d *folder, file string, text []byte, of func(*Device) (read, write **uint64)) {
	for line := range lines(text) {
		fields := bytes.Fields(line)
		var dev Device
		if len(fields) != 3 || !dev.number(fields[0]) {
			continue
		}
		i := slices.IndexFunc(o.Devices, func(have Device) bool { return have.Major == dev.Major && have.Minor == dev.Minor })
		if i < 0 {
			i, o.Devices = len(o.Devices), append(o.Devices, dev)
		}
		read, write := of(&o.Devices[i])
		switch string(fields[1]) {
		case "Read":
			*read = d.parse(file, fields[2])
		case "Write":
			*write = d.parse(file, fields[2])
		}
	}
}
