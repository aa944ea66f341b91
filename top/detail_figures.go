package top

import (
	"fmt"
	"time"

	"blackhole/runtime/stats"
)

// pairs lays names and values out in as many columns as there is room for; of
// those that are unknown there is a "-".
func (p *page) pairs(title string, settings []Setting) {
	p.heading(title)
	const name, value = 16, 12
	across := max(1, p.width/(name+value+4))
	for len(settings) > 0 {
		n := min(across, len(settings))
		var l Line
		for _, s := range settings[:n] {
			mark := Plain
			if s.Value == unknown {
				mark = Dim
			}
			l = append(l, Span{"  " + Fit(s.Name, name, true), Dim}, Span{Fit(s.Value, value, false) + "  ", mark})
		}
		p.lines = append(p.lines, l)
		settings = settings[n:]
	}
}

func (p *page) figures(r *Row) {
	if r.Stats == nil {
		p.heading("FIGURES")
		p.line(Span{"  it does not run", Dim})
		return
	}
	if c := r.Stats.CPU; c != nil {
		p.pairs("CPU", []Setting{
			{"now %", written(r.Rates.CPU, percent)}, {"throttled %", written(r.Rates.Throttled, wholePercent)},
			{"in all", span(c.UsageNS)}, {"user", span(c.UserNS)}, {"system", span(c.SystemNS)},
			{"throttled", span(c.ThrottledNS)}, {"of periods", count(c.Periods)}, {"throttled in", count(c.ThrottledCount)},
		})
	}
	if m := r.Stats.Memory; m != nil {
		p.pairs("MEMORY", []Setting{
			{"now", size(m.Current)}, {"soft limit", size(m.Soft)}, {"limit", size(m.Limit)}, {"peak", size(m.Peak)},
			{"anonymous", size(m.RSS)}, {"file pages", size(m.Cache)}, {"swapped out", size(m.Swap)}, {"swap limit", size(m.SwapLimit)},
		})
		if e := m.Events; e != nil {
			p.pairs("MEMORY EVENTS", []Setting{
				{"low", count(e.Low)}, {"high", count(e.High)}, {"max", count(e.Max)},
				{"oom", count(e.OOM)}, {"oom kill", count(e.OOMKill)}, {"oom group kill", count(e.OOMGroupKill)},
			})
		}
	}
	var s []Setting
	if n := r.Stats.Pids; n != nil {
		s = append(s, Setting{"processes", count(n.Current)}, Setting{"limit", count(n.Limit)})
	}
	if f := r.Stats.FDs; f != nil {
		s = append(s, Setting{"descriptors", count(&f.Open)}, Setting{"limit", count(f.Limit)}, Setting{"of process", fmt.Sprint(f.PID)})
	}
	if s != nil {
		p.pairs("PROCESSES AND DESCRIPTORS", s)
	}
}

func (p *page) limits(more *More) {
	if more != nil && len(more.Limits) > 0 {
		p.heading("OTHER LIMITS")
		for _, s := range more.Limits {
			p.line(Span{"  " + Fit(s.Name, 22, true), Dim}, Span{Cut(s.Value, max(p.width-24, 10)), Plain})
		}
	}
}

func (p *page) devices(r *Row) {
	if r.Stats == nil || r.Stats.IO == nil || len(r.Stats.IO.Devices) == 0 {
		return
	}
	p.heading("DISKS        RD/S   WR/S  RIO/S  WIO/S    READ WRITTEN")
	for _, d := range r.Stats.IO.Devices {
		name := d.Name
		if name == "" {
			name = d.String()
		}
		rates := r.Rates.Devices[d.String()]
		p.line(Span{fmt.Sprintf("  %s %6s %6s %6s %6s %7s %7s", Fit(name, 8, true),
			written(rates.ReadBytes, Bytes), written(rates.WriteBytes, Bytes), written(rates.ReadIOs, Count), written(rates.WriteIOs, Count),
			size(d.ReadBytes), size(d.WriteBytes)), Plain})
	}
}

func (p *page) network(r *Row) {
	if r.Stats == nil || r.Stats.Network == nil {
		return
	}
	n := r.Stats.Network
	p.heading("NETWORK   BYTES/S  PKTS/S   BYTES   PKTS DROPPED  LIMIT/S SHAPED-DROPS WAITING")
	for _, d := range []struct {
		name                  string
		bytes, packets        *float64
		all, allPackets, drop uint64
		shaping               *stats.Shaping
	}{
		{"received", r.Rates.RxBytes, r.Rates.RxPackets, n.RxBytes, n.RxPackets, n.RxDropped, n.Ingress},
		{"sent", r.Rates.TxBytes, r.Rates.TxPackets, n.TxBytes, n.TxPackets, n.TxDropped, n.Egress},
	} {
		limit, dropped, waiting := unknown, unknown, unknown
		if s := d.shaping; s != nil {
			dropped, waiting = Count(float64(s.Dropped)), Bytes(float64(s.BacklogBytes))
			if s.Rate != 0 {
				limit = Bytes(float64(s.Rate))
			}
		}
		p.line(Span{fmt.Sprintf("  %s %6s %7s %7s %6s %7s %8s %12s %7s", Fit(d.name, 8, true),
			written(d.bytes, Bytes), written(d.packets, Count), Bytes(float64(d.all)), Count(float64(d.allPackets)), Count(float64(d.drop)),
			limit, dropped, waiting), Plain})
	}
}

// pressure is for what the host offers it: cgroup v2 alone.
func (p *page) pressure(r *Row) {
	if r.Stats == nil {
		return
	}
	var of [3]*stats.Pressure
	if r.Stats.CPU != nil {
		of[0] = r.Stats.CPU.Pressure
	}
	if r.Stats.Memory != nil {
		of[1] = r.Stats.Memory.Pressure
	}
	if r.Stats.IO != nil {
		of[2] = r.Stats.IO.Pressure
	}
	if of == [3]*stats.Pressure{} {
		return
	}
	p.heading("PRESSURE        10 s   60 s  300 s     IN ALL")
	for i, name := range []string{"cpu", "memory", "disks"} {
		if of[i] == nil {
			continue
		}
		for k, s := range []*stats.Stall{of[i].Some, of[i].Full} {
			if s != nil {
				p.line(Span{fmt.Sprintf("  %s %s %6.1f %6.1f %6.1f %10s", Fit(name, 6, true), []string{"some", "full"}[k],
					s.Avg10, s.Avg60, s.Avg300, span(&s.TotalNS)), Plain})
			}
		}
	}
}

func size(n *uint64) string  { return written(number(n), Bytes) }
func count(n *uint64) string { return written(number(n), Count) }

// span is a time in nanoseconds.
func span(ns *uint64) string {
	if ns == nil {
		return unknown
	}
	d := time.Duration(*ns)
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
