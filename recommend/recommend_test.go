package recommend

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"blackhole/history"
)

const mib = 1 << 20

var start = time.Unix(1_763_989_200, 0) // a full hour

// load records hours of samples five seconds apart, as the supervisor does: each
// is what the function says of the hour n and the second within it.
func load(hours int, use func(h *history.Hour, add func(string, float64), n, second int)) []*history.Hour {
	var all []*history.Hour
	for n := range hours {
		h := history.NewHour(start.Add(time.Duration(n) * time.Hour))
		for second := 0; second < 3600; second += 5 {
			at := start.Add(time.Duration(n)*time.Hour + time.Duration(second)*time.Second)
			h.Seconds += 5
			use(h, func(figure string, v float64) { h.Add(figure, v, 5, at) }, n, second)
		}
		h.Compact()
		all = append(all, h)
	}
	return all
}

func make15(hours []*history.Hour) *Service {
	return Make(Input{Service: "web", Hours: hours, Headroom: 0.15})
}

// between checks a limit's amount; a bucket is 10 % wide, and values are rounded.
func between(t *testing.T, s *Service, key string, low, high float64) *Limit {
	t.Helper()
	for _, l := range s.Limits {
		if l.Key == key {
			if l.Amount < low || l.Amount > high {
				t.Errorf("%s is %v (%s), want %v to %v: %+v", key, l.Amount, l.Value, low, high, l)
			}
			return &l
		}
	}
	t.Errorf("no %s in %+v", key, s.Limits)
	return &Limit{}
}

func TestSteady(t *testing.T) {
	s := make15(load(48, func(_ *history.Hour, add func(string, float64), _, _ int) {
		add(history.CPU, 0.5)
		add(history.Memory, 200*mib)
		add(history.Pids, 40)
		add(history.FDs, 1000)
		add(history.WriteBPS+"/vda", 20*mib)
		add(history.WriteBPS+"/vdb", 40*mib)
		add(history.WriteIOPS+"/vda", 300)
		add(history.Egress, 5*mib)
	}))
	between(t, s, "cpu.quota", 0.575, 0.65)
	between(t, s, "memory.limit", 230*mib, 240*mib)
	between(t, s, "memory.soft", 200*mib, 210*mib)
	between(t, s, "pids.limit", 46, 48)
	between(t, s, "fds.soft", 1150, 1216)
	if l := between(t, s, "io.write_bps", 46*mib, 52*mib); !strings.Contains(l.Reason, "vdb") {
		t.Errorf("not of the busiest disk: %q", l.Reason)
	}
	between(t, s, "io.write_iops", 345, 380)
	between(t, s, "network.bandwidth.egress_rate", 5.75*mib, 7*mib)
	for _, l := range s.Limits {
		if strings.Contains(l.Key, "read") || strings.Contains(l.Key, "ingress") {
			t.Errorf("a limit for what was never seen: %s", l.Key)
		}
	}
	if len(s.Notes) > 0 {
		t.Errorf("notes: %q", s.Notes)
	}
}

// By day 2 cores and 800 MiB, by night a tenth: the day must fit.
func TestDiurnal(t *testing.T) {
	s := make15(load(7*24, func(_ *history.Hour, add func(string, float64), n, _ int) {
		day := 0.55 + 0.45*math.Sin(2*math.Pi*float64(n)/24)
		add(history.CPU, 2*day)
		add(history.Memory, 800*mib*day)
	}))
	between(t, s, "cpu.quota", 2.25, 2.6)
	between(t, s, "memory.limit", 920*mib, 930*mib)
	if len(s.Notes) > 0 {
		t.Errorf("a day's rhythm is no leak: %q", s.Notes)
	}
}

// One spike of ten seconds in a week: memory must hold it, the CPU need not.
func TestSpiky(t *testing.T) {
	s := make15(load(7*24, func(_ *history.Hour, add func(string, float64), n, second int) {
		cpu, memory := 0.2, 100.0
		if n == 100 && second < 10 {
			cpu, memory = 4, 1000
		}
		add(history.CPU, cpu)
		add(history.Memory, memory*mib)
	}))
	between(t, s, "cpu.quota", 0.23, 0.3)
	l := between(t, s, "memory.limit", 1150*mib, 1280*mib)
	if want := start.Add(100*time.Hour + 5*time.Second); l.PeakAt.After(want) || want.Sub(l.PeakAt) > 5*time.Second {
		t.Errorf("peak at %v, want %v", l.PeakAt, want)
	}
	if l.P95 > 110*mib {
		t.Errorf("p95 is %v", l.P95)
	}
}

func TestLeak(t *testing.T) {
	s := make15(load(48, func(_ *history.Hour, add func(string, float64), n, second int) {
		add(history.Memory, (100+10*(float64(n)+float64(second)/3600))*mib)
	}))
	between(t, s, "memory.limit", 580*1.15*mib, 690*mib)
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "memory grew all the time, by ") {
		t.Fatalf("notes: %q", s.Notes)
	}
	if _, rest, _ := strings.Cut(s.Notes[0], "by "); !strings.HasPrefix(rest, "10 MiB") && !strings.HasPrefix(rest, "9.") && !strings.HasPrefix(rest, "11 MiB") {
		t.Errorf("it grew by 10 MiB an hour: %q", s.Notes[0])
	}
}

func TestOOM(t *testing.T) {
	for limit, want := range map[float64]float64{256 * mib: 356 * mib, 2048 * mib: 2048 * 1.2 * mib} {
		hours := load(24, func(h *history.Hour, add func(string, float64), _, _ int) {
			add(history.Memory, limit/2)
			h.Limits = map[string]float64{history.Memory: limit}
		})
		hours[7].OOMKills, hours[7].OOMLimit, hours[7].OOMAt = 2, limit, hours[7].Start+60
		s := make15(hours)
		l := between(t, s, "memory.limit", want, want*1.05)
		if !strings.Contains(l.Reason, "2 OOM kills under a limit of") {
			t.Errorf("reason %q", l.Reason)
		}
		for _, l := range s.Limits {
			if l.Key == "memory.soft" {
				t.Errorf("a soft limit from a peak that is not known: %s", l.Value)
			}
		}
	}
}

func TestThrottled(t *testing.T) {
	throttled := func(part uint64) *Service {
		return make15(load(24, func(h *history.Hour, add func(string, float64), _, _ int) {
			add(history.CPU, 0.999)
			h.Limits = map[string]float64{history.CPU: 1}
			h.Periods += 50
			h.Throttled += part
		}))
	}
	if l := between(t, throttled(40), "cpu.quota", 1.5, 1.5); !strings.Contains(l.Reason, "throttled in 80 % of the periods by a quota of 1") {
		t.Errorf("reason %q", l.Reason)
	}
	between(t, throttled(1), "cpu.quota", 1.15, 1.2)
}

func TestNearAnotherLimit(t *testing.T) {
	s := make15(load(24, func(h *history.Hour, add func(string, float64), _, _ int) {
		add(history.ReadBPS+"/vda", 9.9*mib)
		add(history.Pids, 100)
		h.Limits = map[string]float64{history.ReadBPS: 10 * mib, history.Pids: 100}
	}))
	between(t, s, "io.read_bps", 15*mib, 15*mib)
	between(t, s, "pids.limit", 150, 152)
}

func TestIdle(t *testing.T) {
	s := make15(load(24, func(_ *history.Hour, add func(string, float64), _, _ int) {
		add(history.CPU, 0.00001)
		add(history.Memory, 300<<10)
		add(history.Pids, 1)
		add(history.FDs, 3)
	}))
	between(t, s, "cpu.quota", leastCores, leastCores)
	between(t, s, "memory.limit", leastMemory, leastMemory)
	between(t, s, "pids.limit", leastPids, leastPids)
	between(t, s, "fds.soft", leastFDs, leastFDs)
}

// A service that runs an hour a day is judged by the time that it ran.
func TestTimeNotSeenDoesNotCount(t *testing.T) {
	hours := load(1, func(_ *history.Hour, add func(string, float64), _, second int) {
		if second < 1800 {
			add(history.CPU, 1)
		}
	})
	hours[0].Seconds = 1800
	s := make15(hours)
	if l := between(t, s, "cpu.quota", 1.15, 1.3); l.P50 < 1 {
		t.Errorf("median %v", l.P50)
	}
	if s.Seconds != 1800 || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "less than a day") {
		t.Errorf("%v seconds, notes %q", s.Seconds, s.Notes)
	}
}

// Memory limits are never below what was used, whatever the rounding.
func TestNeverBelowThePeak(t *testing.T) {
	for peak := 1000.0; peak < 1e14; peak *= 1.013 {
		s := Make(Input{Service: "web", Hours: load(1, func(_ *history.Hour, add func(string, float64), _, second int) {
			if second == 0 {
				add(history.Memory, peak)
			}
		})})
		for _, l := range s.Limits {
			if l.Amount < peak {
				t.Fatalf("%s %s (%v) for a peak of %v", l.Key, l.Value, l.Amount, peak)
			}
			if peak > leastMemory && l.Amount > peak*1.5 {
				t.Fatalf("%s %s (%v) for a peak of %v: too much", l.Key, l.Value, l.Amount, peak)
			}
		}
	}
}

func TestYAML(t *testing.T) {
	hours := load(2, func(_ *history.Hour, add func(string, float64), _, _ int) {
		add(history.CPU, 0.5)
		add(history.Memory, 200*mib)
	})
	var b bytes.Buffer
	on := make15(hours)
	on.Name = "on"
	if err := WriteYAML(&b, []*Service{make15(hours), on, {Name: "new"}}, 0.15); err != nil {
		t.Fatal(err)
	}
	want := `# Limits from recorded use, with 15 % of headroom.
services:
  # 2 h of use between 2025-11-24 13:00 and 2025-11-24 15:00 UTC
  # note: less than a day is known: what the service does at other times is not in it
  web:
    resources:
      cpu:
        quota: 0.6 # p95 of 2 h: 0.5, p99 0.5, peak 0.5 on 2025-11-24 13:00
      memory:
        limit: 230M # p95 of 2 h: 200 MiB, p99 200 MiB, peak 200 MiB on 2025-11-24 13:00
        soft: 200M # p95 of 2 h: 200 MiB, p99 200 MiB, peak 200 MiB on 2025-11-24 13:00
`
	if !strings.HasPrefix(b.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if !strings.Contains(b.String(), "\n  \"on\":\n") || !strings.HasSuffix(b.String(), "  new:\n    resources: {}\n") {
		t.Errorf("got\n%s", b.String())
	}
}
