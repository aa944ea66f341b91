// Package recommend makes limits out of what a service was recorded to use. It
// is a function of its input: nothing is read, and no clock.
//
// docs/recommend.md says what each limit is made from, and where that differs
// from the recommender of the Kubernetes vertical pod autoscaler.
package recommend

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"blackhole/history"
)

const (
	// throttledPart of the CPU periods is where the quota hides what the service
	// would have used.
	throttledPart = 0.05
	// cutPart of a limit is where its use counts as cut off by it.
	cutPart = 0.9
	// unhide is by how much a limit grows that hides the use.
	unhide = 1.5
	// After an out-of-memory kill the limit was too low by an amount that nobody
	// saw: it grows by the larger of the two.
	oomPart  = 1.2
	oomBytes = 100 << 20
)

// What a limit is never below: less saves nothing and hinders a start.
const (
	leastMemory    = 8 << 20
	leastCores     = 0.05
	leastPids      = 16
	leastFDs       = 256
	leastRate      = 1 << 20
	leastIOPS      = 50
	leastBandwidth = 128 << 10
)

// Input is one service's record.
type Input struct {
	Service string
	Hours   []*history.Hour
	// Headroom is what a limit has beyond the use: 0.15 is 15 %.
	Headroom float64
}

// Service is what is recommended for one service.
type Service struct {
	Name     string    `json:"name"`
	Seconds  float64   `json:"evidence_seconds"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"` // the end of the last hour
	OOMKills uint64    `json:"oom_kills"`
	Limits   []Limit   `json:"limits"`
	Notes    []string  `json:"notes,omitempty"`
}

// Limit is one value with its evidence.
type Limit struct {
	Key    string    `json:"key"`    // below services.NAME.resources
	Value  string    `json:"value"`  // as the configuration has it
	Amount float64   `json:"amount"` // in the unit
	Unit   string    `json:"unit"`
	P50    float64   `json:"p50"`
	P95    float64   `json:"p95"`
	P99    float64   `json:"p99"`
	Peak   float64   `json:"peak"`
	PeakAt time.Time `json:"peak_at"`
	Reason string    `json:"reason,omitempty"` // beyond use and headroom
}

// Seconds is how long the record saw the service run.
func Seconds(hours []*history.Hour) float64 {
	sum := 0.0
	for _, h := range hours {
		sum += h.Seconds
	}
	return sum
}

// maker is the sums over all hours.
type maker struct {
	in        Input
	out       *Service
	figures   map[string]*history.Histogram
	limits    map[string]float64 // the last
	periods   uint64
	throttled uint64
	oomLimit  float64
	oomAt     int64
}

// Make recommends limits; there must be an hour.
func Make(in Input) *Service {
	first, last := in.Hours[0], in.Hours[len(in.Hours)-1]
	m := &maker{in: in, figures: map[string]*history.Histogram{}, out: &Service{
		Name: in.Service, Seconds: Seconds(in.Hours),
		From: time.Unix(first.Start, 0).UTC(), To: time.Unix(last.Start+3600, 0).UTC(),
	}}
	for _, h := range in.Hours {
		for name, f := range h.Figures {
			if m.figures[name] == nil {
				m.figures[name] = &history.Histogram{}
			}
			m.figures[name].Merge(f)
		}
		if h.Limits != nil {
			m.limits = h.Limits
		}
		m.periods += h.Periods
		m.throttled += h.Throttled
		m.out.OOMKills += h.OOMKills
		m.oomLimit, m.oomAt = max(m.oomLimit, h.OOMLimit), max(m.oomAt, h.OOMAt)
	}
	m.cpu()
	m.memory()
	m.rate("io.read_bps", m.busiest(history.ReadBPS), leastRate)
	m.rate("io.write_bps", m.busiest(history.WriteBPS), leastRate)
	m.rate("io.read_iops", m.busiest(history.ReadIOPS), leastIOPS)
	m.rate("io.write_iops", m.busiest(history.WriteIOPS), leastIOPS)
	m.count("fds.soft", history.FDs, "descriptors", 64, leastFDs)
	m.count("pids.limit", history.Pids, "processes", 8, leastPids)
	m.rate("network.bandwidth.ingress_rate", history.Ingress, leastBandwidth)
	m.rate("network.bandwidth.egress_rate", history.Egress, leastBandwidth)
	if note := growing(in.Hours); note != "" {
		m.out.Notes = append(m.out.Notes, note)
	}
	if m.out.Seconds < 24*3600 {
		m.out.Notes = append(m.out.Notes, "less than a day is known: what the service does at other times is not in it")
	}
	return m.out
}

func (m *maker) roomy() float64 { return 1 + m.in.Headroom }

// evidence is a limit without its value.
func (m *maker) evidence(key, figure, unit string) *Limit {
	f := m.figures[figure]
	if f == nil {
		return nil
	}
	p := func(part float64) float64 { return f.Percentile(part, m.out.Seconds) }
	return &Limit{Key: key, Unit: unit, P50: p(0.5), P95: p(0.95), P99: p(0.99), Peak: f.Peak, PeakAt: time.Unix(f.PeakAt, 0).UTC()}
}

func (m *maker) add(l *Limit, amount float64, value string) {
	l.Amount, l.Value = amount, value
	m.out.Limits = append(m.out.Limits, *l)
}

// cpu: a quota slows and does not kill, so that it need not hold the peak.
func (m *maker) cpu() {
	l := m.evidence("cpu.quota", history.CPU, "cores")
	if l == nil {
		return
	}
	want := l.P99 * m.roomy()
	quota := m.limits[history.CPU]
	if m.periods > 0 && quota > 0 {
		if part := float64(m.throttled) / float64(m.periods); part >= throttledPart {
			l.Reason = fmt.Sprintf("throttled in %.0f %% of the periods by a quota of %.4g, which hides what it needs", 100*part, quota)
			want = max(want, quota*unhide)
		}
	}
	want = max(leastCores, up(want, 0.05))
	m.add(l, want, fmt.Sprintf("%.4g", want))
}

// memory: what is not to be killed holds the peak, with room. The soft limit is
// the peak itself: it slows what was never seen, not what was.
func (m *maker) memory() {
	l := m.evidence("memory.limit", history.Memory, "bytes")
	if l == nil {
		return
	}
	want := l.Peak * m.roomy()
	soft := sizeStep(max(l.Peak, leastMemory))
	if m.out.OOMKills > 0 && m.oomLimit > 0 {
		l.Reason = fmt.Sprintf("%s under a limit of %s, the last on %s", kills(m.out.OOMKills), bytesText(m.oomLimit), clock(m.oomAt))
		want = max(want, m.oomLimit*oomPart, m.oomLimit+oomBytes)
	} else if m.out.OOMKills > 0 {
		l.Reason = kills(m.out.OOMKills) + " that no limit of its own caused: the host, or a cgroup above, was short"
	}
	want = max(leastMemory, sizeStep(want))
	m.add(l, want, sizeValue(want))
	if soft < want && l.Reason == "" { // with kills the peak is not known
		s := *l
		s.Key = "memory.soft"
		m.add(&s, soft, sizeValue(soft))
	}
	if l := m.evidence("memory.swap", history.Swap, "bytes"); l != nil {
		want := sizeStep(l.Peak * m.roomy())
		m.add(l, want, sizeValue(want))
	}
}

// count is for what fails at once where it is short: the peak, with room.
func (m *maker) count(key, figure, unit string, step, least float64) {
	l := m.evidence(key, figure, unit)
	if l == nil {
		return
	}
	want := l.Peak * m.roomy()
	if limit := m.limits[figure]; limit > 0 && l.Peak >= limit*cutPart {
		l.Reason = fmt.Sprintf("near its limit of %.0f, which may hide what it needs", limit)
		want = max(want, limit*unhide)
	}
	want = max(least, up(want, step))
	m.add(l, want, fmt.Sprintf("%.0f", want))
}

// rate is for what only slows.
func (m *maker) rate(key, figure string, least float64) {
	unit := "bytes/s"
	if strings.HasSuffix(key, "iops") {
		unit = "operations/s"
	}
	l := m.evidence(key, figure, unit)
	if l == nil {
		return
	}
	use := l.P99
	if use == 0 {
		use = l.Peak
		l.Reason = "so seldom that its peak counts"
	}
	want := use * m.roomy()
	kind, disk, found := strings.Cut(figure, "/")
	if limit := m.limits[kind]; limit > 0 && l.P99 >= limit*cutPart {
		l.Reason = "near its limit of " + amount(limit, unit) + ", which may hide what it needs"
		want = max(want, limit*unhide)
	}
	if found {
		l.Reason = strings.TrimSuffix("of "+disk+", the busiest; "+l.Reason, "; ")
	}
	if unit == "operations/s" {
		want = max(least, up(want, 10))
		m.add(l, want, fmt.Sprintf("%.0f", want))
		return
	}
	want = max(least, sizeStep(want))
	m.add(l, want, sizeValue(want))
}

// busiest is the figure of the disk that a limit, which holds on each, must leave
// room for.
func (m *maker) busiest(kind string) string {
	best := ""
	for _, name := range slices.Sorted(maps.Keys(m.figures)) {
		if !strings.HasPrefix(name, kind+"/") {
			continue
		}
		if best == "" || m.figures[name].Percentile(0.99, m.out.Seconds) > m.figures[best].Percentile(0.99, m.out.Seconds) {
			best = name
		}
	}
	return best
}

// growing tells of memory whose median rises from quarter to quarter of the
// record: a limit from its peak will be reached.
func growing(hours []*history.Hour) string {
	if len(hours) < 8 {
		return ""
	}
	var medians [4]float64
	for q := range medians {
		sum, seconds := &history.Histogram{}, 0.0
		for _, h := range hours[q*len(hours)/4 : (q+1)*len(hours)/4] {
			if f := h.Figures[history.Memory]; f != nil {
				sum.Merge(f)
			}
			seconds += h.Seconds
		}
		medians[q] = sum.Percentile(0.5, seconds)
		if q > 0 && medians[q] <= medians[q-1]*1.03 {
			return ""
		}
	}
	if medians[0] <= 0 || medians[3] < medians[0]*1.25 {
		return ""
	}
	between := float64(hours[len(hours)-1].Start-hours[0].Start) / 3600 * 3 / 4
	return fmt.Sprintf("memory grew all the time, by %s an hour: if that is a leak, no limit fits, and this one is a date", bytesText((medians[3]-medians[0])/between))
}

func kills(n uint64) string {
	if n == 1 {
		return "1 OOM kill"
	}
	return fmt.Sprintf("%d OOM kills", n)
}

// up rounds up to a multiple; 1e-9 is for what was one already.
func up(v, step float64) float64 {
	return math.Round(math.Ceil(v/step-1e-9)*step*1e6) / 1e6
}

// sizeStep rounds bytes up to what people write: two digits or so.
func sizeStep(v float64) float64 {
	for _, unit := range []float64{1 << 40, 1 << 30, 1 << 20, 1 << 10} {
		switch {
		case v >= 100*unit:
			return up(v, 10*unit)
		case v >= 10*unit:
			return up(v, unit)
		case v >= 2*unit && unit <= 1<<20:
			return up(v, unit)
		}
	}
	return up(v, 1<<10)
}
