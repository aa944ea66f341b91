package stats

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// Limits is what a container may use at most, beyond the limits that Stats has
// beside the use. They change seldom, so they are read apart.
type Limits struct {
	CPUCores *float64 // quota divided by period
	Devices  []DeviceLimits
}

// DeviceLimits is io.max of one disk; v1: blkio.throttle.*_device. What is not
// limited is absent.
type DeviceLimits struct {
	Name                  string // as Device has it
	Major, Minor          uint64
	ReadBytes, WriteBytes *uint64 // a second
	ReadIOs, WriteIOs     *uint64 // operations a second
}

// Of finds the limits of a disk, nil if there are none.
func (l *Limits) Of(dev Device) *DeviceLimits {
	if l == nil {
		return nil
	}
	for i, d := range l.Devices {
		if d.Major == dev.Major && d.Minor == dev.Minor {
			return &l.Devices[i]
		}
	}
	return nil
}

// ReadLimits reads a container's limits.
func ReadLimits(s Source) (*Limits, error) {
	r := newReader(s, false)
	l, err := &Limits{}, error(nil)
	if r.unified {
		d := r.of("")
		l.v2(d)
		err = d.err
	} else {
		cpu, io := r.of("cpu"), r.of("blkio")
		l.v1(cpu, io)
		if err = cpu.err; err == nil {
			err = io.err
		}
	}
	for i, d := range l.Devices {
		l.Devices[i].Name = r.diskName(Device{Major: d.Major, Minor: d.Minor})
	}
	return l, err
}

// v2 reads cpu.max, "50000 100000" or "max 100000", and io.max, "254:0 rbps=1048576 wbps=max
// riops=max wiops=max".
func (l *Limits) v2(d *folder) {
	quota, period, _ := strings.Cut(strings.TrimSpace(string(d.read("cpu.max"))), " ")
	l.cores(quota, period)
	for line := range lines(d.read("io.max")) {
		fields := bytes.Fields(line)
		var dev Device
		if !dev.number(fields[0]) {
			continue
		}
		to := l.device(dev)
		for _, field := range fields[1:] {
			key, text, _ := bytes.Cut(field, []byte("="))
			if at := to.field(string(key)); at != nil && string(text) != "max" {
				*at = d.parse("io.max", text)
			}
		}
	}
}

// v1 reads cpu.cfs_quota_us, -1 for none, and "254:0 1048576" of each disk from
// four files.
func (l *Limits) v1(cpu, io *folder) {
	l.cores(strings.TrimSpace(string(cpu.read("cpu.cfs_quota_us"))), strings.TrimSpace(string(cpu.read("cpu.cfs_period_us"))))
	for file, key := range map[string]string{
		"blkio.throttle.read_bps_device": "rbps", "blkio.throttle.write_bps_device": "wbps",
		"blkio.throttle.read_iops_device": "riops", "blkio.throttle.write_iops_device": "wiops",
	} {
		for line := range lines(io.read(file)) {
			var dev Device
			if number, text, found := bytes.Cut(line, []byte(" ")); found && dev.number(number) {
				*l.device(dev).field(key) = io.parse(file, text)
			}
		}
	}
	slices.SortFunc(l.Devices, func(a, b DeviceLimits) int {
		if a.Major != b.Major {
			return int(a.Major) - int(b.Major)
		}
		return int(a.Minor) - int(b.Minor)
	})
}

func (l *Limits) cores(quota, period string) {
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 == nil && err2 == nil && q > 0 && p > 0 {
		cores := q / p
		l.CPUCores = &cores
	}
}

// device is a disk's entry, made on demand.
func (l *Limits) device(dev Device) *DeviceLimits {
	if d := l.Of(dev); d != nil {
		return d
	}
	l.Devices = append(l.Devices, DeviceLimits{Major: dev.Major, Minor: dev.Minor})
	return &l.Devices[len(l.Devices)-1]
}

// field is the figure of io.max's key, nil for one that is not known.
func (d *DeviceLimits) field(key string) **uint64 {
	switch key {
	case "rbps":
		return &d.ReadBytes
	case "wbps":
		return &d.WriteBytes
	case "riops":
		return &d.ReadIOs
	case "wiops":
		return &d.WriteIOs
	}
	return nil
}
