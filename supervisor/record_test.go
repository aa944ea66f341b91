package supervisor

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"blackhole/history"
	"blackhole/runtime/stats"
	"blackhole/spec"
)

// recorded is a supervisor of one service with a record, at the start of an hour.
func recorded(t *testing.T) (s *Supervisor, sv *service, write func(usage, throttled int), begin time.Time) {
	t.Helper()
	s, sv, write = watched(t)
	s.o.Paths = Paths{Logs: t.TempDir()}
	s.openRecord()
	return s, sv, write, time.Unix(1_763_989_200, 0)
}

func near(got, want float64) bool { return math.Abs(got-want) <= want*0.11 }

// Two hours at half a core, throttled in every tenth period, then an hour asleep.
func TestRecordOfHours(t *testing.T) {
	s, sv, write, at := recorded(t)
	quota := spec.Cores(0.75)
	sv.spec.Resources.CPU.Quota = &quota
	usage, periods := 0, 0
	for second := 0; second <= 3*3600; second += 5 {
		if second <= 2*3600 {
			usage, periods = usage+2_500_000, periods+5
			write(usage, periods)
		}
		s.sampleAt(sv, at.Add(time.Duration(second)*time.Second))
	}
	if err := s.recordWriter(at.Add(3 * time.Hour))(); err != nil {
		t.Fatal(err)
	}
	hours, err := s.o.Paths.History().Hours("a")
	if err != nil || len(hours) < 3 {
		t.Fatalf("%d hours, %v", len(hours), err)
	}
	for n, want := range []float64{0.5, 0.5, 0} {
		h := hours[n]
		if h.Start != at.Add(time.Duration(n)*time.Hour).Unix() || !near(h.Seconds, 3600) {
			t.Errorf("hour %d: from %d, %v seconds", n, h.Start, h.Seconds)
		}
		median := 0.0
		if f := h.Figures[history.CPU]; f != nil {
			median = f.Percentile(0.5, h.Seconds)
		}
		if !near(median, want) {
			t.Errorf("hour %d: %v cores, want %v", n, median, want)
		}
		if n < 2 && (h.Limits[history.CPU] != 0.75 || h.Throttled < 3500 || h.Throttled > h.Periods) {
			t.Errorf("hour %d: limits %v, %d of %d periods throttled", n, h.Limits, h.Throttled, h.Periods)
		}
	}
}

// The next supervisor goes on in the hour where the one before stopped.
func TestRecordGoesOn(t *testing.T) {
	s, sv, write, _ := recorded(t)
	at := time.Now().Truncate(time.Hour)
	for second := range 20 {
		write(1000*(second+1), 0)
		s.sampleAt(sv, at.Add(time.Duration(second)*time.Second))
	}
	s.closeRecord()
	before := s.record.hours["a"].Seconds
	s.record = record{}
	s.openRecord()
	if h := s.record.hours["a"]; h == nil || h.Seconds != before || before < 15 {
		t.Fatalf("taken over: %+v, was %v seconds", h, before)
	}
	write(50_000, 0)
	s.sampleAt(sv, at.Add(25*time.Second))
	if h := s.record.hours["a"]; h.Seconds != before+6 {
		t.Errorf("%v seconds after %v and 6 more", h.Seconds, before)
	}
}

// A pause that nobody watched is not use: the host was suspended.
func TestRecordLeavesGapsOut(t *testing.T) {
	s, sv, write, at := recorded(t)
	for n, second := range []int{0, 5, 10, 1000, 1005} {
		write(1000*(n+1), 0)
		s.sampleAt(sv, at.Add(time.Duration(second)*time.Second))
	}
	if h := s.record.hours["a"]; h == nil || h.Seconds != 15 {
		t.Errorf("recorded: %+v, want 15 seconds", h)
	}
}

func TestRecordOfKills(t *testing.T) {
	s, sv, _, _ := recorded(t)
	limit := spec.Size(64 << 20)
	sv.spec.Resources.Memory.Limit = &limit
	kills := uint64(3)
	s.checkOOM(sv, &stats.Stats{Memory: &stats.Memory{Events: &stats.MemoryEvents{OOMKill: &kills}}}, nil)
	h := s.record.hours["a"]
	if h == nil || h.OOMKills != 3 || h.OOMLimit != 64<<20 || h.Figures[history.Memory].Peak != 64<<20 || h.OOMAt == 0 {
		t.Errorf("recorded: %+v", h)
	}
}

func TestRecordTurnedOff(t *testing.T) {
	s, sv, write, at := recorded(t)
	off := spec.Duration(0)
	s.monitor.History = &off
	s.openRecord()
	for second := range 10 {
		write(1000*(second+1), 0)
		s.sampleAt(sv, at.Add(time.Duration(second)*time.Second))
	}
	s.closeRecord()
	if _, err := os.Stat(s.o.Paths.History().Dir); len(s.record.hours) > 0 || err == nil {
		t.Errorf("recorded all the same: %v, %v", s.record.hours, err)
	}
}

// A damaged file costs its own content, not what comes after it.
func TestRecordSetsDamagedFilesAside(t *testing.T) {
	dir := t.TempDir()
	store := history.Store{Dir: dir}
	file := filepath.Join(dir, "a.jsonl")
	if err := os.WriteFile(file, []byte("{\"version\":1}\n{\"hour\":36"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := history.NewHour(time.Now())
	h.Seconds = 10
	err := writeRecord(store, []pastHour{{"a", h}}, map[string]*history.Hour{}, time.Hour, time.Now())
	if err == nil || !strings.Contains(err.Error(), file+".bad") {
		t.Errorf("got %v, want a warning with the new name", err)
	}
	if _, err := os.Stat(file + ".bad"); err != nil {
		t.Error(err)
	}
	if hours, err := store.Hours("a"); err != nil || len(hours) != 1 || hours[0].Seconds != 10 {
		t.Errorf("%d hours, %v", len(hours), err)
	}
}

// A clock that is set back into the same hour again and again, and one that is not set:
// the record can be read afterwards.
func TestRecordWithAClockThatIsSet(t *testing.T) {
	s, sv, write, at := recorded(t)
	write(1000, 1)
	for range 4 {
		for second := 0; second < 3600; second += 30 {
			s.sampleAt(sv, at.Add(time.Duration(second)*time.Second))
		}
		sv.usage.at = at // as the monotonic clock has it: time goes on
	}
	sv.usage.at = time.Unix(0, 0)
	for second := 1; second < 3600; second += 30 {
		s.sampleAt(sv, time.Unix(int64(second), 0))
	}
	if err := s.recordWriter(at)(); err != nil {
		t.Fatal(err)
	}
	hours, err := s.o.Paths.History().Hours("a")
	if err != nil || len(hours) != 1 || hours[0].Start != at.Unix() || hours[0].Seconds < 3000 || hours[0].Seconds > 3700 {
		t.Fatalf("%d hours, %v", len(hours), err)
	}
}
