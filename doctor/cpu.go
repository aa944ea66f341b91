package doctor

import (
	"fmt"

	"blackhole/runtime/stats"
)

// What counts as throttled: a quarter of the periods, of at least so many.
const (
	throttledPart  = 0.25
	fewPeriods     = 5   // between two readings
	manyPeriods    = 100 // over its life
	starvedPercent = 50.0
)

func (d *diagnosis) cpu() {
	if d.After == nil || d.After.CPU == nil {
		return
	}
	c := d.After.CPU
	periods, _ := d.rise(func(s *stats.Stats) *uint64 { return cpuOf(s).Periods })
	throttled, _ := d.rise(func(s *stats.Stats) *uint64 { return cpuOf(s).ThrottledCount })
	cores := d.perSecond(func(s *stats.Stats) *uint64 { return cpuOf(s).UsageNS }) / 1e9
	over := "the last " + d.Between.String()
	isNow := periods >= fewPeriods && float64(throttled) >= throttledPart*float64(periods)
	if !isNow && c.Periods != nil && c.ThrottledCount != nil && *c.Periods >= manyPeriods {
		periods, throttled, over = *c.Periods, *c.ThrottledCount, "its life"
	}
	if periods >= fewPeriods && float64(throttled) >= throttledPart*float64(periods) {
		quota := ""
		figures := map[string]float64{"periods": float64(periods), "throttled": float64(throttled), "cores": cores}
		if q := d.service.Resources.CPU.Quota; q != nil {
			quota = " of its " + q.String()
			figures["quota_cores"] = float64(*q)
		}
		d.tell(Trouble{Kind: CPUThrottled, Figures: figures,
			Message: fmt.Sprintf("its CPU quota held it back in %d of %d periods (%.0f %%) of %s; it uses %.2f%s cores",
				throttled, periods, 100*float64(throttled)/float64(periods), over, cores, quota),
			Advice: "raise it, or add a burst for short peaks"}, "resources.cpu.quota")
		return
	}
	if p := stalled(c.Pressure); p >= starvedPercent {
		d.tell(Trouble{Kind: CPUStarved, Figures: map[string]float64{"pressure_percent": p, "cores": cores},
			Message: fmt.Sprintf("it waited for a CPU during %.0f %% of the last ten seconds, though its quota did not hold it back: others have them", p),
			Advice:  "more shares than the others, or a cpuset with fewer of them"}, "resources.cpu.shares", "resources.cpu.cpuset")
	}
}

func cpuOf(s *stats.Stats) *stats.CPU {
	if s.CPU == nil {
		return &stats.CPU{}
	}
	return s.CPU
}
