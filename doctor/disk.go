package doctor

import (
	"fmt"
	"slices"

	"blackhole/runtime/stats"
)

const (
	// ioStalled is the share of ten seconds in percent; as the supervisor has it.
	ioStalled = 20.0
	// fullPart is the part of a file system that is as good as nothing.
	fullPart = 0.01
)

// disk finds a service that its disk limits hold back, one that waits for disks
// without that, and a full file system.
func (d *diagnosis) disk() {
	for _, f := range d.Full {
		if f.Total > 0 && float64(f.Free) < fullPart*float64(f.Total) {
			d.tell(Trouble{Kind: DiskFull, Figures: map[string]float64{"free_bytes": float64(f.Free), "total_bytes": float64(f.Total)},
				Message: fmt.Sprintf("%s, which it writes to, has %s of %s left", f.Path, size(f.Free), size(f.Total)),
				Advice:  "make room there"}, "filesystem.writable")
		}
	}
	if d.After == nil || d.After.IO == nil {
		return
	}
	p := stalled(d.After.IO.Pressure)
	io := d.service.Resources.IO
	limited := false
	for _, limit := range []struct {
		key, what string
		limit     *uint64
		of        func(v *stats.Device) *uint64
	}{
		{"read_bps", "reads", rateOf(io.ReadBPS), func(v *stats.Device) *uint64 { return v.ReadBytes }},
		{"write_bps", "writes", rateOf(io.WriteBPS), func(v *stats.Device) *uint64 { return v.WriteBytes }},
		{"read_iops", "reads", io.ReadIOPS, func(v *stats.Device) *uint64 { return v.ReadIOs }},
		{"write_iops", "writes", io.WriteIOPS, func(v *stats.Device) *uint64 { return v.WriteIOs }},
	} {
		if limit.limit == nil || *limit.limit == 0 {
			continue
		}
		disk, rate := d.fastest(limit.of)
		if rate < near*float64(*limit.limit) {
			continue
		}
		limited = true
		amount := fmt.Sprintf("%.0f of %d times a second", rate, *limit.limit)
		if limit.key == "read_bps" || limit.key == "write_bps" {
			amount = fmt.Sprintf("%s of %s a second", size(uint64(rate)), size(*limit.limit))
		}
		d.tell(Trouble{Kind: IOLimited, Figures: map[string]float64{"rate": rate, "limit": float64(*limit.limit), "pressure_percent": p},
			Message: fmt.Sprintf("it %s %s at disk %s, its limit%s", limit.what, amount, disk, waited(p)),
			Advice:  "raise it, if the disk can do more"}, "resources.io."+limit.key)
	}
	if !limited && p >= ioStalled {
		d.tell(Trouble{Kind: IOBound, Figures: map[string]float64{"pressure_percent": p},
			Message: "it is bound by its disks, below its limits if it has any" + waited(p),
			Advice:  "more weight than the others on the disk, or a limit for those"}, "resources.io.weight")
	}
}

func waited(percent float64) string {
	if percent == 0 {
		return ""
	}
	return fmt.Sprintf("; it waited for disks during %.0f %% of the last ten seconds", percent)
}

func rateOf[T ~int64](r *T) *uint64 {
	if r == nil || *r < 0 {
		return nil
	}
	n := uint64(*r)
	return &n
}

// fastest is the disk with the highest rate of a figure between the readings.
func (d *diagnosis) fastest(of func(v *stats.Device) *uint64) (disk string, rate float64) {
	for i := range d.After.IO.Devices {
		v := &d.After.IO.Devices[i]
		same := func(b stats.Device) bool { return b.Major == v.Major && b.Minor == v.Minor }
		r := d.perSecond(func(s *stats.Stats) *uint64 {
			if s.IO == nil {
				return nil
			}
			if i := slices.IndexFunc(s.IO.Devices, same); i >= 0 {
				return of(&s.IO.Devices[i])
			}
			return nil
		})
		if r > rate {
			disk, rate = v.Name, r
			if disk == "" {
				disk = fmt.Sprintf("%d:%d", v.Major, v.Minor)
			}
		}
	}
	return disk, rate
}
