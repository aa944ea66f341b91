package top

import (
	"sync"
	"time"

	"blackhole/runtime/stats"
)

// totals are the columns of a single look, which knows no rates: what was used in
// all since a container was created, and what is in use now.
var totals = sync.OnceValue(func() []Column {
	return []Column{
		{Key: "name", Title: "SERVICE", Left: true, Text: func(r *Row) string { return r.Name }},
		{Key: "state", Title: "STATE", Width: 9, Left: true, Rank: 1, Text: func(r *Row) string { return r.State }},
		{Key: "pid", Title: "PID", Width: 7, Rank: 3, Number: pidOf, Text: pidText},
		figure("since", "SINCE", "", 6, 2, sinceOf, func(v float64) string { return Ago(seconds(v)) }, nil),
		figure("restarts", "RST", "", 3, 4, restartsOf, Count, nil),
		figure("cpu", "CPU", "", 7, 5, cpuTotal, func(v float64) string { return span(ref(uint64(v))) }, nil),
		figure("throttled", "THR%", "", 4, 8, throttledTotal, wholePercent, nil),
		figure("memory", "MEM", "", 5, 6, memoryOf, Bytes, nil),
		figure("memory%", "MEM%", "", 4, 9, memoryShare, wholePercent, nil),
		figure("soft", "SOFT", "", 5, 16, softOf, Bytes, nil),
		figure("limit", "LIMIT", "", 5, 15, limitOf, Bytes, nil),
		figure("read", "READ", "", 5, 13, readTotal, Bytes, nil),
		figure("write", "WRITE", "", 5, 12, writeTotal, Bytes, nil),
		figure("rx", "RX", "", 5, 14, networkTotal(func(n *stats.Network) uint64 { return n.RxBytes }), Bytes, nil),
		figure("tx", "TX", "", 5, 14, networkTotal(func(n *stats.Network) uint64 { return n.TxBytes }), Bytes, nil),
		figure("drops", "DROP", "", 5, 17, networkTotal(Dropped), Count, nil),
		figure("fds", "FDS", "", 5, 11, fdsOf, Count, nil),
		figure("fds%", "FD%", "", 4, 18, fdsShare, wholePercent, nil),
		figure("pids", "PIDS", "", 5, 7, pidsOf, Count, nil),
		figure("psi", "PSI%", "", 5, 10, pressureOf, pressureText, nil),
		figure("alerts", "ALRT", "", 4, 19, alertsOf, Count, nil),
	}
})

// Totals lays a single sample out: one row for each container, in their order,
// and behind it, where there is one, the reason of its state, which may be as
// long as it is. Width is as of Model.Table.
func Totals(s *Sample, width int) Table {
	var rows []*Row
	reason := 0
	for _, c := range s.Containers {
		rows = append(rows, &Row{Container: c, History: &History{}, now: s.Time})
		reason = max(reason, len(c.Reason))
	}
	if width > 0 {
		// Room for it, but not at the cost of most of the figures.
		width -= min(reason+2*gap, width/3)
	}
	t := lay(totals(), rows, width, "", 0)
	if reason == 0 {
		return t
	}
	t.Head = append(t.Head, Span{"  REASON", Head})
	for i, r := range rows {
		t.Rows[i] = append(t.Rows[i], Span{"  " + r.Reason, Plain})
	}
	return t
}

func sinceOf(r *Row) *float64 {
	if r.Since.IsZero() {
		return nil
	}
	return ref(max(r.now.Sub(r.Since), time.Duration(0)).Seconds())
}

func cpuTotal(r *Row) *float64 {
	if r.Stats == nil || r.Stats.CPU == nil {
		return nil
	}
	return number(r.Stats.CPU.UsageNS)
}

func throttledTotal(r *Row) *float64 {
	if r.Stats == nil || r.Stats.CPU == nil {
		return nil
	}
	c := r.Stats.CPU
	return share(number(c.ThrottledCount), number(c.Periods), c.Periods)
}

func readTotal(r *Row) *float64 {
	return diskTotal(r, func(d stats.Device) *uint64 { return d.ReadBytes })
}

func writeTotal(r *Row) *float64 {
	return diskTotal(r, func(d stats.Device) *uint64 { return d.WriteBytes })
}

func diskTotal(r *Row, get func(stats.Device) *uint64) (all *float64) {
	if r.Stats == nil || r.Stats.IO == nil {
		return nil
	}
	for _, d := range r.Stats.IO.Devices {
		add(&all, number(get(d)))
	}
	return all
}

func networkTotal(get func(*stats.Network) uint64) func(*Row) *float64 {
	return func(r *Row) *float64 {
		if r.Stats == nil || r.Stats.Network == nil {
			return nil
		}
		return ref(float64(get(r.Stats.Network)))
	}
}
