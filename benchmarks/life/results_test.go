package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestQuantiles(t *testing.T) {
	for _, row := range []struct {
		values             []float64
		low, median, upper float64
	}{
		{nil, 0, 0, 0},
		{[]float64{7}, 7, 7, 7},
		{[]float64{3, 1, 2}, 1.5, 2, 2.5},
		{[]float64{4, 1, 3, 2}, 1.75, 2.5, 3.25},
		{[]float64{1, 1, 1, 1, 100}, 1, 1, 1},
	} {
		low, m, upper := quantile(row.values, 0.25), median(row.values), quantile(row.values, 0.75)
		if !near(low, row.low) || !near(m, row.median) || !near(upper, row.upper) {
			t.Errorf("%v: %v %v %v, want %v %v %v", row.values, low, m, upper, row.low, row.median, row.upper)
		}
	}
	values := []float64{3, 1, 2}
	if s := spread(values); !near(s, 0.25) {
		t.Errorf("spread %v, want 0.25", s)
	}
	if values[0] != 3 {
		t.Errorf("quantile sorted its argument: %v", values)
	}
}

// example has three peers: ours takes half of runc's time and twice crun's, and
// was not seen with a filter by crun.
func example() *results {
	r := newResults()
	for _, row := range []struct {
		variant, measure, peer string
		values                 []float64
	}{
		{"plain", mWhole, "blackhole", []float64{10, 10, 12}},
		{"plain", mWhole, "runc 1.5.2", []float64{20, 20, 80}},
		{"plain", mWhole, "crun 1.8", []float64{5, 5, 5}},
		{"seccomp", mWhole, "blackhole", []float64{9}},
		{"seccomp", mWhole, "runc 1.5.2", []float64{10}},
		{"service", mFirst, "blackhole", []float64{8}},
		{"service", mCrash, "blackhole", []float64{11}},
		{"service", mFirst, "crun 1.8", []float64{10}},
		{"plain", mCharged, "blackhole", []float64{3}},
		{"plain", mCPU, "blackhole", []float64{4}}, // measured later, shown with its variant
	} {
		for _, v := range row.values {
			r.add(key{row.variant, 1, row.measure, row.peer}, v)
		}
	}
	return r
}

// words are a text's lines with single spaces.
func words(text string) []string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	example().printTable(&out)
	want := []string{
		"plain, 1 container",
		"n blackhole ± runc 1.5.2 ± ratio crun 1.8 ± ratio",
		"whole life, ms 3 10.0 5% 20.0 75% 0.50 5.00 0% 2.00",
		"CPU: whole life, ms 1 4.00 0%",
		"memory: all of create, MiB 1 3.00 0%",
		"seccomp, 1 container",
		"n blackhole ± runc 1.5.2 ± ratio",
		"whole life, ms 1 9.00 0% 10.0 0% 0.90",
		"service, 1 container",
		"n blackhole ± crun 1.8 ± ratio",
		"first instruction, ms 1 8.00 0% 10.0 0% 0.80",
		"running again, ms 1 11.0 0%",
	}
	if got := words(out.String()); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTargets(t *testing.T) {
	r := example()
	r.add(key{"hook alone", 1, mHookUp, "blackhole"}, 15.5)
	var out bytes.Buffer
	r.printTargets(&out, targets([]string{"1.5.2"}), []limit{{mHookUp, 15}})
	got := strings.Join(words(out.String()), "\n")
	for _, want := range []string{
		"whole life by commands plain runc 1.5.2 0.60 0.50 met",
		"whole life by commands seccomp runc 1.5.2 0.60 0.90 NOT MET",
		"whole life by commands plain crun 1.8 1.30 2.00 NOT MET",
		"decision to first instruction, to create + start service crun 1.8 1.00 0.80 met",
		// The peer has no crash of its own: its first instruction counts.
		"program runs again after a crash, to create + start service crun 1.8 1.00 1.10 NOT MET",
		"state with stats, to state without runc 1.5.2 1.20 not measured",
		"hook createRuntime hook alone 15 ms 15.5 ms NOT MET",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line with %q in\n%s", want, got)
		}
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := example().writeJSON(&out, map[string]any{"n": 3}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		About   struct{ N int }
		Results []struct {
			Variant, Measure, Peer, Unit string
			Containers                   int
			Median                       float64
			Quartiles, Values            []float64
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Results) != 10 || got.About.N != 3 {
		t.Fatalf("%d results of n %d", len(got.Results), got.About.N)
	}
	// In order: plain, the processor time, the memory, then the whole life, of blackhole.
	if r := got.Results[2]; r.Peer != "blackhole" || r.Median != 10 || len(r.Values) != 3 || r.Quartiles[1] != 11 || r.Unit != "ms" {
		t.Errorf("third is %+v", r)
	}
	if u := unit(mCharged); u != "MiB" {
		t.Errorf("memory is in %s", u)
	}
}

func TestRotation(t *testing.T) {
	a, b, c := &peer{name: "a"}, &peer{name: "b"}, &peer{name: "c"}
	var got string
	for i := range 4 {
		for _, p := range rotated([]*peer{a, b, c}, i) {
			got += p.name
		}
	}
	if got != "abcbcacababc" {
		t.Errorf("rotated to %s", got)
	}
}
