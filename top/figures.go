package top

import (
	"strconv"
	"strings"
	"time"

	"blackhole/runtime/stats"
)

// The figures of a row, absent where they are unknown.

func number(n *uint64) *float64 {
	if n == nil {
		return nil
	}
	return ref(float64(*n))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// partOf is a share of a limit; absent without one. A limit of zero is full.
func partOf(n, limit *float64) *float64 {
	switch {
	case n == nil || limit == nil:
		return nil
	case *limit == 0:
		return ref(1.0)
	}
	return ref(*n / *limit)
}

func sum(figures ...*float64) (all *float64) {
	for _, n := range figures {
		add(&all, n)
	}
	return all
}

func pidOf(r *Row) *float64 {
	if r.Pid == 0 {
		return nil
	}
	return ref(float64(r.Pid))
}

func pidText(r *Row) string {
	if r.Pid == 0 {
		return unknown
	}
	return strconv.Itoa(r.Pid)
}

func upOf(r *Row) *float64 {
	if r.Pid == 0 || r.Since.IsZero() {
		return nil
	}
	return ref(max(r.now.Sub(r.Since), 0).Seconds()) // the clock may have been set back since
}

func memory(r *Row, get func(*stats.Memory) *uint64) *float64 {
	if r.Stats == nil || r.Stats.Memory == nil {
		return nil
	}
	return number(get(r.Stats.Memory))
}

func memoryOf(r *Row) *float64 {
	return memory(r, func(m *stats.Memory) *uint64 { return m.Current })
}
func softOf(r *Row) *float64  { return memory(r, func(m *stats.Memory) *uint64 { return m.Soft }) }
func limitOf(r *Row) *float64 { return memory(r, func(m *stats.Memory) *uint64 { return m.Limit }) }
func swapOf(r *Row) *float64  { return memory(r, func(m *stats.Memory) *uint64 { return m.Swap }) }

func memoryShare(r *Row) *float64 { return partOf(memoryOf(r), limitOf(r)) }

func ioOf(r *Row) *float64  { return sum(r.Rates.ReadBytes, r.Rates.WriteBytes) }
func netOf(r *Row) *float64 { return sum(r.Rates.RxBytes, r.Rates.TxBytes) }

func fdsOf(r *Row) *float64 {
	if r.Stats == nil || r.Stats.FDs == nil {
		return nil
	}
	return ref(float64(r.Stats.FDs.Open))
}

func fdsShare(r *Row) *float64 {
	if r.Stats == nil || r.Stats.FDs == nil {
		return nil
	}
	return partOf(fdsOf(r), number(r.Stats.FDs.Limit))
}

func pidsOf(r *Row) *float64 {
	if r.Stats == nil || r.Stats.Pids == nil {
		return nil
	}
	return number(r.Stats.Pids.Current)
}

func pidsShare(r *Row) *float64 {
	if r.Stats == nil || r.Stats.Pids == nil {
		return nil
	}
	return partOf(pidsOf(r), number(r.Stats.Pids.Limit))
}

// stalled is the share of the last 10 seconds in which some work waited.
func stalled(p *stats.Pressure) *float64 {
	if p == nil || p.Some == nil {
		return nil
	}
	return ref(p.Some.Avg10 / 100)
}

func cpuPressure(r *Row) *float64 {
	if r.Stats == nil || r.Stats.CPU == nil {
		return nil
	}
	return stalled(r.Stats.CPU.Pressure)
}

func memoryPressure(r *Row) *float64 {
	if r.Stats == nil || r.Stats.Memory == nil {
		return nil
	}
	return stalled(r.Stats.Memory.Pressure)
}

func ioPressure(r *Row) *float64 {
	if r.Stats == nil || r.Stats.IO == nil {
		return nil
	}
	return stalled(r.Stats.IO.Pressure)
}

func pressureOf(r *Row) (most *float64) {
	for _, p := range []*float64{cpuPressure(r), memoryPressure(r), ioPressure(r)} {
		if p != nil && (most == nil || *p > *most) {
			most = p
		}
	}
	return most
}

func pressureText(share float64) string {
	if share >= 0.9995 {
		return "100"
	}
	return percent(share)
}

func restartsOf(r *Row) *float64 {
	if r.Service == nil {
		return nil
	}
	return ref(float64(r.Service.Restarts))
}

func alertsOf(r *Row) *float64 {
	if r.Service == nil {
		return nil
	}
	return ref(float64(len(r.Service.Alerts)))
}

func alertNames(r *Row) string {
	if r.Service == nil {
		return unknown
	}
	var names []string
	for _, a := range r.Service.Alerts {
		names = append(names, a.Kind)
	}
	return strings.Join(names, ",")
}
