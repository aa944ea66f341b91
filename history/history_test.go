package history

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"blackhole/internal/fileversion"
)

var start = time.Unix(1_763_989_200, 0) // a full hour

func hour(n int, value float64) *Hour {
	at := start.Add(time.Duration(n) * time.Hour)
	h := NewHour(at)
	h.Seconds = 3600
	h.Add(Memory, value, 3600, at)
	return h
}

func TestPercentiles(t *testing.T) {
	h := &Histogram{}
	for v := 1; v <= 1000; v++ {
		h.Add(float64(v), 5, int64(v))
	}
	for part, want := range map[float64]float64{0.5: 500, 0.95: 950, 0.99: 990, 1: 1000} {
		if got := h.Percentile(part, 5000); got < want || got > want*growth {
			t.Errorf("percentile %v: got %v, want %v to %v", part, got, want, want*growth)
		}
	}
	// As long again it was zero.
	if got := h.Percentile(0.5, 10000); got != 0 {
		t.Errorf("half of the time it was zero, got %v", got)
	}
	if got := h.Percentile(0.95, 10000); got < 900 || got > 900*growth {
		t.Errorf("with zeros: got %v, want 900 or a little more", got)
	}
	if h.Peak != 1000 || h.PeakAt != 1000 {
		t.Errorf("peak %v at %v", h.Peak, h.PeakAt)
	}
}

// What is kept of an hour is small, holds all its seconds and tells no less.
func TestCompactNeverTellsLess(t *testing.T) {
	h := hour(0, 1)
	for v := 1.0; v < 1e12; v *= 1.07 {
		h.Add(Memory, v, 1, start)
	}
	full := h.Clone().Figures[Memory]
	h.Compact()
	f := h.Figures[Memory]
	if len(f.Buckets) > maxBuckets {
		t.Errorf("%d buckets are left", len(f.Buckets))
	}
	sum, was := 0.0, 0.0
	for _, s := range f.Buckets {
		sum += s
	}
	for _, s := range full.Buckets {
		was += s
	}
	if sum != was {
		t.Errorf("%v of %v seconds are left", sum, was)
	}
	for _, part := range []float64{0.5, 0.9, 0.99, 0.999, 1} {
		if got, want := f.Percentile(part, sum), full.Percentile(part, sum); got < want {
			t.Errorf("percentile %v fell from %v to %v", part, want, got)
		}
	}
}

func TestStoreKeepsSoLong(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "usage")}
	for n := range 200 {
		if err := s.Append("web", hour(n, float64(n+1)), 168*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	hours, err := s.Past("web")
	if err != nil {
		t.Fatal(err)
	}
	if len(hours) != 168 || hours[0].Start != start.Add(32*time.Hour).Unix() || !reflect.DeepEqual(hours[167], hour(199, 200)) {
		t.Errorf("%d hours from %d, the last %+v", len(hours), hours[0].Start, hours[len(hours)-1])
	}
	info, err := os.Stat(s.file("web"))
	if err != nil || info.Size() > 168*200 {
		t.Errorf("a steady week has %d bytes, %v", info.Size(), err)
	}
}

// A crash may come between the two files: the hour is in both then.
func TestAnHourInBothFilesCountsOnce(t *testing.T) {
	s := Store{t.TempDir()}
	part := hour(0, 7)
	part.Seconds = 1200
	if err := errors.Join(s.SaveCurrent(map[string]*Hour{"web": part}), s.Append("web", hour(0, 8), time.Hour)); err != nil {
		t.Fatal(err)
	}
	hours, err := s.Hours("web")
	if err != nil || len(hours) != 1 || hours[0].Seconds != 3600 {
		t.Fatalf("got %d hours, %v", len(hours), err)
	}
	if err := s.Append("web", part, time.Hour); err != nil { // as the next supervisor does
		t.Fatal(err)
	}
	if hours, err = s.Past("web"); err != nil || len(hours) != 1 || hours[0].Seconds != 3600 {
		t.Errorf("the shorter half replaced the whole: %v", err)
	}
}

func TestCorruptFiles(t *testing.T) {
	const head = "{\"version\":1}\n"
	for _, row := range []struct{ text, fault string }{
		{"", "it is empty"},
		{"{}\n", "it has no version"},
		{"{\"vers", "it has no version"},
		{head + "{\"hour\":3600", "line 2"},
		{head + "null\n", "line 2: hour 0 is not"},
		{head + "{\"hour\":3601,\"seconds\":1}\n", "hour 3601 is not the start of one"},
		{head + "{\"hour\":3600,\"seconds\":-1}\n", "-1 seconds"},
		{head + "{\"hour\":7200,\"seconds\":1}\n{\"hour\":3600,\"seconds\":1}\n", "line 3: hour 3600 is not later"},
		{head + "{\"hour\":3600,\"seconds\":1,\"figures\":{\"cpu\":null}}\n", "cpu of hour 3600: it is null"},
		{head + "{\"hour\":3600,\"seconds\":1,\"figures\":{\"cpu\":{\"peak\":1,\"b\":{\"9999\":1}}}}\n", "bucket 9999"},
		{head + "{\"hour\":3600,\"seconds\":1,\"throttled\":2,\"periods\":1}\n", "cannot be"},
	} {
		s := Store{t.TempDir()}
		if err := os.WriteFile(s.file("web"), []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Hours("web")
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), row.fault) {
			t.Errorf("%q: got %v, want %q", row.text, err, row.fault)
		}
		if err := s.Append("web", hour(0, 1), time.Hour); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%q: written over: %v", row.text, err)
		}
	}
}

// What a newer blackhole wrote is neither read nor written over, nor put aside as
// corrupt.
func TestNewerFiles(t *testing.T) {
	s := Store{t.TempDir()}
	const text = "{\"version\":2,\"hours\":[]}\n"
	for _, path := range []string{s.file("web"), filepath.Join(s.Dir, current)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err1 := s.Past("web")
	_, err2 := s.Current()
	for _, err := range []error{err1, err2, s.Append("web", hour(0, 1), time.Hour)} {
		if !errors.Is(err, fileversion.ErrNewer) || errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "its version is 2, and this one reads up to 1") {
			t.Errorf("got %v", err)
		}
	}
	if data, err := os.ReadFile(s.file("web")); err != nil || string(data) != text {
		t.Errorf("changed: %q, %v", data, err)
	}
}

func TestPruneRemovesWhatIsOld(t *testing.T) {
	s := Store{t.TempDir()}
	for _, name := range []string{"old", "new"} {
		if err := s.Append(name, hour(0, 1), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	foreign := filepath.Join(s.Dir, "notes.txt")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-48 * time.Hour)
	if err := errors.Join(os.Chtimes(s.file("old"), before, before), os.Chtimes(foreign, before, before), s.Prune(time.Now().Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	names, err := s.Services()
	if _, ferr := os.Stat(foreign); err != nil || ferr != nil || !reflect.DeepEqual(names, []string{"new"}) {
		t.Errorf("left: %v, %v, %v", names, err, ferr)
	}
}

// Whatever a file holds, it is read or refused; and what was read can be kept.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("{\"version\":1}\n{\"hour\":3600,\"seconds\":12,\"figures\":{\"cpu\":{\"b\":{\"-3\":12},\"peak\":0.7,\"at\":3601}},\"limits\":{\"cpu\":1}}\n"))
	f.Add([]byte("{\"version\":1}\n{\"hour\":3600}\n{\"hour\":7200,\"oom_kills\":1}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		hours, err := decode("file", data)
		if err != nil {
			if hours != nil || errors.Is(err, ErrCorrupt) == errors.Is(err, fileversion.ErrNewer) {
				t.Fatalf("%v, %v", hours, err)
			}
			return
		}
		s := Store{t.TempDir()}
		for _, h := range hours {
			for _, g := range h.Figures {
				if p := g.Percentile(0.99, h.Seconds); p > g.Peak || p < 0 {
					t.Fatalf("percentile %v of peak %v", p, g.Peak)
				}
			}
			if err := s.Append("a", h, 1<<62); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A clock that jumps a year ahead, or back, and is right again after an hour or two
// takes a few hours of the record with it, and what comes afterwards is recorded.
func TestClockThatJumps(t *testing.T) {
	const keep = 168 * time.Hour
	for _, jump := range []int{365 * 24, -365 * 24} {
		s := Store{t.TempDir()}
		add := func(n int) {
			t.Helper()
			if err := s.Append("web", hour(n, 1), keep); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 168 {
			add(n)
		}
		add(168 + jump)
		add(169 + jump)
		for n := 168; n < 172; n++ {
			add(n)
		}
		hours, err := s.Past("web")
		if err != nil {
			t.Fatal(err)
		}
		have := map[int64]bool{}
		for _, h := range hours {
			have[h.Start] = true
		}
		for n := 8; n < 172; n++ {
			if !have[start.Add(time.Duration(n)*time.Hour).Unix()] && (n < 164 || n >= 168) {
				t.Errorf("a jump of %d hours: hour %d is lost", jump, n)
			}
		}
		if len(hours) > 172 {
			t.Errorf("a jump of %d hours: %d hours are kept", jump, len(hours))
		}
	}
}

// Prune of a clock that is ahead takes one file, not all.
func TestPruneTakesOne(t *testing.T) {
	s := Store{t.TempDir()}
	for _, name := range []string{"a", "b", "c"} {
		if err := s.Append(name, hour(0, 1), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Prune(time.Now().Add(24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if names, err := s.Services(); err != nil || len(names) != 2 {
		t.Errorf("left: %v, %v", names, err)
	}
}
