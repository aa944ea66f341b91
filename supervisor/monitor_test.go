package supervisor

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"blackhole/runtime/stats"
	"blackhole/spec"
)

// watched is a supervisor of one service whose cgroup is a folder of files.
func watched(t *testing.T) (*Supervisor, *service, func(usage, throttled int)) {
	t.Helper()
	dir := t.TempDir()
	write := func(usage, throttled int) {
		text := fmt.Sprintf("usage_usec %d\nnr_periods %d\nnr_throttled %d\n", usage, throttled, throttled)
		if err := os.WriteFile(filepath.Join(dir, "cpu.stat"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := &spec.Config{Services: map[string]*spec.Service{"a": {}}}
	effective, err := config.Service("a")
	if err != nil {
		t.Fatal(err)
	}
	sv := newService("a", effective, config)
	sv.alive, sv.cgroups = true, map[string]string{"": dir}
	sv.usage = &usage{sampler: stats.NewSampler(stats.Source{Cgroups: sv.cgroups}, true)}
	t.Cleanup(sv.usage.sampler.Close)
	s := &Supervisor{
		o: Options{Out: io.Discard}, monitor: config.EffectiveIsolation().Monitor, services: map[string]*service{"a": sv},
		notifier: newNotifier(t.Context(), func(error) {}),
	}
	if s.events, err = openEventLog(filepath.Join(t.TempDir(), "events"), -1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.events.close)
	return s, sv, write
}

// sampleAt takes a sample as sampleAll does, at a time of the test's choice.
func (s *Supervisor) sampleAt(sv *service, at time.Time) *reading {
	r := s.routine(sv)
	r.take()
	r.at = at
	s.taken(r)
	return r
}

// A service that sleeps is left out, but not for ever, and neither one that has
// run nor one with an alert is.
func TestSamplesOfSleepers(t *testing.T) {
	s, sv, write := watched(t)
	write(1000, 0)
	now := time.Now()
	if s.sampleAt(sv, now).rested {
		t.Fatal("the first sample was left out")
	}
	for i := range maxRest {
		if now = now.Add(time.Second); !s.sampleAt(sv, now).rested {
			t.Fatalf("sample %d was taken although nothing had run", i)
		}
	}
	if now = now.Add(time.Second); s.sampleAt(sv, now).rested {
		t.Errorf("more than %d samples on end were left out", maxRest)
	}
	if now = now.Add(time.Second); !s.sampleAt(sv, now).rested {
		t.Error("the count of samples left out does not begin anew")
	}
	write(1001, 0)
	if now = now.Add(time.Second); s.sampleAt(sv, now).rested {
		t.Error("one that has run was left out")
	}
	sv.firing[FDsNearLimit] = &Alert{Kind: FDsNearLimit}
	if now = now.Add(time.Second); s.sampleAt(sv, now).rested {
		t.Error("one with an alert was left out: it would never end")
	}
}

// The time asleep is no part of the time throttled.
func TestThrottledAfterSleep(t *testing.T) {
	s, sv, write := watched(t)
	begin := time.Now()
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	write(1000, 0)
	s.sampleAt(sv, at(0))
	for second := 5; second <= 50; second += 5 {
		if !s.sampleAt(sv, at(second)).rested {
			t.Fatal("not asleep")
		}
	}
	for second := 55; second <= 85; second += 5 {
		write(1000*second, 50*second)
		s.sampleAt(sv, at(second))
		lasts := time.Duration(second-50) * time.Second
		if alert := sv.firing[CPUThrottled] != nil; alert != (lasts >= time.Duration(*s.monitor.ThrottledFor)) {
			t.Errorf("throttled for %s: alert %t", lasts, alert)
		}
	}
}

// A round reads no more than is due: all limits at first, each limitsAge, and
// after an update, which may have more to write when it is told.
func TestRoundsAreBrief(t *testing.T) {
	s, sv, write := watched(t)
	limited := func(n int) bool {
		write(1000*n, 0)
		r := s.routine(sv)
		r.take()
		s.taken(r)
		return r.limited
	}
	if !limited(1) || limited(2) || limited(3) {
		t.Error("not the first has the limits, or not it alone")
	}
	sv.usage.sampling = true // the sample that is asked for is not this test's
	s.updated("a")
	if !limited(4) || !limited(5) {
		t.Error("after an update not all is read until it has written all")
	}
	sv.usage.changed = time.Now().Add(-time.Second)
	if limited(6) {
		t.Error("an update is never over")
	}
	sv.usage.limited = time.Now().Add(-limitsAge)
	if !limited(7) || limited(8) {
		t.Error("not read again after some time, or again and again")
	}
	s.o.Metrics = ":0"
	write(9000, 0)
	if r := s.routine(sv); !r.whole {
		t.Error("with metrics all of it is shown, and not all is read")
	}
}

// Limits are read at first, after an update, and of those that used a disk again
// after some time.
func TestLimitsAreReadWhenNeeded(t *testing.T) {
	s, sv, write := watched(t)
	dir := sv.cgroups[""]
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("io.max", "8:0 rbps=100 wbps=max riops=max wiops=max\n")
	put("io.stat", "8:0 rbytes=1\n")
	n := 0
	read := func() *stats.Limits {
		n++
		write(1000*n, 0)
		r := s.routine(sv)
		r.take()
		s.sampleMore([]*reading{r})
		s.taken(r)
		return r.limits
	}
	if l := read(); l == nil || *l.Devices[0].ReadBytes != 100 {
		t.Fatalf("at first: %+v", l)
	}
	put("io.stat", "8:0 rbytes=2\n")
	if read() != nil {
		t.Error("read although they were a moment ago")
	}
	sv.usage.limitsAt = time.Now().Add(-limitsAge)
	if read() != nil {
		t.Error("read for a service that used no disk")
	}
	put("io.stat", "8:0 rbytes=3\n")
	if read() == nil {
		t.Error("not read for one that did")
	}
	sv.usage.changed = time.Now()
	if read() == nil {
		t.Error("not read after an update")
	}
}
