package top

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"blackhole/runtime/stats"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares lines with a file of testdata.
func golden(t *testing.T, name string, lines []Line) {
	t.Helper()
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.String() + "\n")
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", name, got, want)
	}
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// busy has all there is, as it is so many seconds after noon.
func busy(name string, second uint64) *Container {
	some := &stats.Pressure{Some: &stats.Stall{Avg10: 12.5, Avg60: 3, Avg300: 1, TotalNS: 5e9}}
	return &Container{
		Name: name, State: "running", Pid: 4711, Since: noon.Add(-time.Hour), Run: noon.Add(-time.Hour),
		At: noon.Add(time.Duration(second) * time.Second),
		Stats: &stats.Stats{
			CPU: &stats.CPU{
				UsageNS: ref(second * 1.5e9), UserNS: ref(second * 1e9), SystemNS: ref(second * 0.5e9),
				Periods: ref(second * 10), ThrottledCount: ref(second * 4), ThrottledNS: ref(second * 3e8), Pressure: some,
			},
			Memory: &stats.Memory{
				Current: ref(uint64(90 << 20)), Peak: ref(uint64(95 << 20)), Soft: ref(uint64(80 << 20)), Limit: ref(uint64(100 << 20)),
				Swap: ref(uint64(0)), Cache: ref(uint64(8 << 20)), RSS: ref(uint64(70 << 20)), Events: &stats.MemoryEvents{High: ref(uint64(12)), OOMKill: ref(uint64(1))},
			},
			IO: &stats.IO{Devices: []stats.Device{
				{Name: "vda", Major: 254, ReadBytes: ref(second << 20), WriteBytes: ref(second << 19), ReadIOs: ref(second * 100), WriteIOs: ref(second * 50)},
				{Name: "vdb", Major: 254, Minor: 16, ReadBytes: ref(second << 10), WriteBytes: ref(uint64(0)), ReadIOs: ref(second), WriteIOs: ref(uint64(0))},
			}},
			Pids: &stats.Pids{Current: ref(uint64(47)), Limit: ref(uint64(50))},
			FDs:  &stats.FDs{PID: 4711, Open: 900, Limit: ref(uint64(1024))},
			Network: &stats.Network{
				RxBytes: second * 1e6, TxBytes: second * 5e5, RxPackets: second * 700, TxPackets: second * 350, RxDropped: second,
				Egress: &stats.Shaping{Rate: 1 << 20, Dropped: second * 2, BacklogBytes: 3000},
			},
		},
		Service: &Service{Restarts: 3, Health: "healthy", Alerts: []Alert{
			{Kind: "oom_kill", Severity: "alert", Since: noon, Value: 1, Limit: 100 << 20, Unit: "kills"},
			{Kind: "pids_near_limit", Severity: "warning", Since: noon, Value: 47, Limit: 50, Unit: "processes"},
		}},
	}
}

// bare is a container of which the host tells next to nothing.
func bare(name string, second uint64) *Container {
	return &Container{
		Name: name, State: "running", Pid: 4712, Since: noon, Run: noon, At: noon.Add(time.Duration(second) * time.Second),
		Stats: &stats.Stats{CPU: &stats.CPU{UsageNS: ref(second * 1e8)}, Memory: &stats.Memory{Current: ref(uint64(5000))}},
	}
}

// modelAt has seen the seconds from 0 on.
func modelAt(seconds uint64, containers func(second uint64) []*Container) *Model {
	m := &Model{Sort: "cpu"}
	for second := range seconds + 1 {
		m.Add(&Sample{Time: noon.Add(time.Duration(second) * time.Second), Supervisor: 1, Containers: containers(second)})
	}
	return m
}

func mixed(second uint64) []*Container {
	return []*Container{
		bare("a-rather-long-name-of-a-container", second),
		{Name: "batch", State: "failed", Reason: "gave up after 5 restarts: exit code 3", Service: &Service{Restarts: 5, Alerts: []Alert{{Kind: "failed", Severity: "alert", Since: noon}}}},
		busy("storage", second),
	}
}

func TestFrames(t *testing.T) {
	m := modelAt(30, mixed)
	for _, width := range []int{40, 80, 120, 200, 0} {
		table := m.Table(m.Rows(), width, 0)
		lines := append([]Line{m.Summary(), table.Head}, table.Rows...)
		for _, l := range lines[1:] {
			if width > 0 && l.Width() > width {
				t.Errorf("%d wide: %d: %q", width, l.Width(), l)
			}
		}
		golden(t, map[int]string{40: "40.txt", 80: "80.txt", 120: "120.txt", 200: "200.txt", 0: "all.txt"}[width], lines)
		if all := table.Shown == table.All; all != (width == 0) {
			t.Errorf("%d wide: %d of %d columns", width, table.Shown, table.All)
		}
	}
	scrolled := m.Table(m.Rows(), 80, 8)
	golden(t, "80-scrolled.txt", append([]Line{scrolled.Head}, scrolled.Rows...))
	golden(t, "totals-100.txt", func() []Line { t := Totals(m.Sample(), 100); return append([]Line{t.Head}, t.Rows...) }())
	golden(t, "totals-all.txt", func() []Line { t := Totals(m.Sample(), 0); return append([]Line{t.Head}, t.Rows...) }())
}

func TestDetailFrames(t *testing.T) {
	m := modelAt(30, mixed)
	more := &More{Limits: []Setting{{"cpu quota", "2 CPUs"}}, Events: []string{"one", "two"}, Log: []string{strings.Repeat("words and ", 12)}}
	golden(t, "detail-80.txt", m.Row("storage").Detail(more, 80))
	golden(t, "detail-bare.txt", m.Row("a-rather-long-name-of-a-container").Detail(nil, 80))
	golden(t, "detail-failed.txt", m.Row("batch").Detail(&More{}, 80))
	m.Add(&Sample{Time: noon.Add(time.Hour)})
	if text := m.Row("storage").Detail(nil, 80)[1].String(); text != "gone since 13:00:00; below is what was seen last" {
		t.Errorf("gone: %q", text)
	}
	if len(m.Rows()) != 0 {
		t.Errorf("rows that are gone: %v", m.Rows())
	}
}

// A name that does not fit is cut with a sign; no figure ever is.
func TestNothingCutSilently(t *testing.T) {
	m := modelAt(2, func(second uint64) []*Container {
		c := busy("n", second)
		c.Stats.CPU.UsageNS = ref(second * 1e9 * 2048)
		c.Stats.Memory.Current, c.Stats.Memory.Limit = ref(uint64(1)<<60), ref(uint64(1)<<40)
		c.Stats.IO.Devices[0].ReadBytes = ref(second << 50)
		c.Stats.Network.RxDropped, c.Stats.FDs.Open = second*123456789, 123456789
		c.Service.Restarts = 123456
		return []*Container{c}
	})
	row := m.Rows()[0]
	for _, c := range Columns() {
		text := c.Text(row)
		if n := utf8.RuneCountInString(text); n > c.Width && c.Key != "name" && c.Key != "what" && c.Key != "restarts" && c.Key != historyKey {
			t.Errorf("%s: %q is wider than %d", c.Key, text, c.Width)
		}
		if len(c.Title) > c.Width && c.Key != "name" && c.Key != historyKey {
			t.Errorf("%s: its title does not fit %d", c.Key, c.Width)
		}
	}
	for in, want := range map[string]string{"storage": "stora…", "abcdef": "abcdef", "a": "a     "} {
		if got := Fit(in, 6, true); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestRates(t *testing.T) {
	r := modelAt(2, func(s uint64) []*Container { return []*Container{busy("x", s)} }).Row("x").Rates
	for name, c := range map[string]struct {
		got  *float64
		want float64
	}{
		"cpu": {r.CPU, 1.5}, "throttled": {r.Throttled, 0.4}, "read": {r.ReadBytes, 1<<20 + 1<<10}, "write": {r.WriteBytes, 1 << 19},
		"read ios": {r.ReadIOs, 101}, "rx": {r.RxBytes, 1e6}, "tx packets": {r.TxPackets, 350}, "drops": {r.Drops, 3},
	} {
		if c.got == nil || *c.got < c.want*0.9999 || *c.got > c.want*1.0001 {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// What cannot be known is absent.
func TestUnknownRates(t *testing.T) {
	unknownRates := func(name string, before, now *Container) {
		if r := ratesBetween(before, now); r.CPU != nil || r.ReadBytes != nil || r.RxBytes != nil || r.Throttled != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	other := busy("x", 2)
	other.Run = noon
	stopped := busy("x", 2)
	stopped.Stats = nil
	soon := busy("x", 2)
	soon.At = busy("x", 1).At.Add(time.Millisecond)
	back := busy("x", 5)
	back.At = noon.Add(time.Minute)
	unknownRates("first", nil, busy("x", 1))
	unknownRates("another life", busy("x", 1), other)
	unknownRates("stopped", busy("x", 1), stopped)
	unknownRates("too soon", busy("x", 1), soon)
	if r := ratesBetween(busy("x", 9), back); r.CPU != nil || r.RxBytes != nil {
		t.Errorf("counters went back: %+v", r)
	}
	if r := ratesBetween(bare("x", 1), bare("x", 2)); r.CPU == nil || r.Throttled != nil || r.ReadBytes != nil || r.RxBytes != nil || r.Drops != nil {
		t.Errorf("bare: %+v", r)
	}
	// A quota that was not used is not throttled: 0, not unknown.
	idle := busy("x", 3)
	idle.Stats.CPU.Periods, idle.Stats.CPU.ThrottledCount = ref(uint64(10)), ref(uint64(4))
	if r := ratesBetween(busy("x", 1), idle); r.Throttled == nil || *r.Throttled != 0 {
		t.Errorf("idle: %v", r.Throttled)
	}
	// A disk's first use counts from zero.
	fresh := busy("x", 1)
	fresh.Stats.IO = &stats.IO{}
	if r := ratesBetween(fresh, busy("x", 2)); r.WriteBytes == nil || *r.WriteBytes != 2<<19 {
		t.Errorf("first use of a disk: %v", r.WriteBytes)
	}
}

func names(m *Model) string {
	var all []string
	for _, r := range m.Rows() {
		all = append(all, r.Name)
	}
	return strings.Join(all, " ")
}

func TestSortAndFilter(t *testing.T) {
	m := modelAt(2, func(second uint64) []*Container {
		small, big := busy("small", second), busy("big", second)
		small.Stats.CPU.UsageNS, small.Stats.Memory.Current = ref(second*1e6), ref(uint64(200<<20))
		return []*Container{small, {Name: "none", State: "failed"}, big, {Name: "also", State: "stopped"}}
	})
	for _, c := range []struct {
		sort    string
		reverse bool
		want    string
	}{
		{"cpu", false, "big small also none"},
		{"cpu", true, "small big also none"}, // what is unknown stays last
		{"memory", false, "small big also none"},
		{"name", false, "also big none small"},
		{"name", true, "small none big also"},
		{"state", false, "none big small also"},
		{"fds", false, "big small also none"}, // alike: by name
		{"history", false, "big small also none"},
		{"nonsense", false, "also big none small"},
	} {
		m.Sort, m.Reverse = c.sort, c.reverse
		if got := names(m); got != c.want {
			t.Errorf("%s %v: %s, want %s", c.sort, c.reverse, got, c.want)
		}
	}
	m.Sort, m.Reverse = "name", false
	for filter, want := range map[string]string{"B": "big", "fail": "none", "x": "", "": "also big none small", "l": "also none small"} {
		m.Filter = filter
		if got := names(m); got != want {
			t.Errorf("filter %q: %s, want %s", filter, got, want)
		}
	}
	m.Filter = ""
	m.SortBy("cpu")
	m.SortBy("cpu")
	if m.Sort != "cpu" || !m.Reverse {
		t.Errorf("the same key again: %s %v", m.Sort, m.Reverse)
	}
	m.Sort = "name"
	m.SortNext(-1)
	if m.Sort != historyKey {
		t.Errorf("before the first column: %s", m.Sort)
	}
	m.SortNext(2)
	if m.Sort != "state" {
		t.Errorf("two on from the last: %s", m.Sort)
	}
}

// Whatever it is sorted by is shown.
func TestSortedColumnIsShown(t *testing.T) {
	m := modelAt(2, mixed)
	for _, c := range Columns() {
		m.Sort = c.Key
		for _, width := range []int{60, 80, 132, 200} {
			table := m.Table(m.Rows(), width, 0)
			if !slices.ContainsFunc(table.Head, func(s Span) bool { return s.Mark == HeadSort }) {
				t.Errorf("%s at %d: %s", c.Key, width, table.Head)
			}
		}
	}
}

// At every width all columns can be reached by scrolling.
func TestAllColumnsCanBeReached(t *testing.T) {
	m := modelAt(2, mixed)
	seen := ""
	for from := range len(Columns()) - 1 {
		seen += m.Table(m.Rows(), 80, from).Head.String() + " "
	}
	for _, c := range Columns() {
		if !strings.Contains(seen, c.Title) {
			t.Errorf("%s is never shown", c.Title)
		}
	}
}

func TestHistory(t *testing.T) {
	m := modelAt(keep+50, func(s uint64) []*Container { return []*Container{busy("x", s)} })
	h := m.Row("x").History
	if len(h.CPU) != keep || h.CPU[0] == nil || len(h.Memory) != keep || len(h.IO) != keep || len(h.Network) != keep {
		t.Errorf("%d %d %d %d", len(h.CPU), len(h.Memory), len(h.IO), len(h.Network))
	}
	for _, c := range []struct {
		values []*float64
		least  float64
		want   string
	}{
		{nil, 1, "     "},
		{[]*float64{ref(0.0), nil, ref(4.0), ref(8.0)}, 1, " ▁ ▅█"},
		{[]*float64{ref(0.5), ref(1.0)}, 8, "   ▁▂"},
		{[]*float64{ref(9.0), ref(1.0), ref(2.0), ref(3.0), ref(4.0), ref(5.0)}, 0, "▂▄▅▇█"}, // the 9 has scrolled away
		{[]*float64{ref(0.0)}, 0, "    ▁"},
	} {
		if got := Spark(c.values, 5, c.least); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// Of containers that come and go without end not all are remembered.
func TestForgets(t *testing.T) {
	m := &Model{}
	for i := range 3 * mostGone {
		m.Add(&Sample{Time: noon.Add(time.Duration(i) * time.Second), Containers: []*Container{{Name: "c" + strings.Repeat("x", i)}}})
	}
	if len(m.rows) != mostGone+1 || len(m.history) != mostGone+1 {
		t.Errorf("%d rows, %d histories", len(m.rows), len(m.history))
	}
}

// Samples that take long do not follow each other at once, nor so soon that there
// are no rates.
func TestPause(t *testing.T) {
	for _, c := range [][3]time.Duration{
		{2 * time.Second, 100 * time.Millisecond, 1900 * time.Millisecond}, {2 * time.Second, time.Minute, 500 * time.Millisecond},
		{leastSpan, time.Second, 2 * leastSpan},
	} {
		if got := Pause(c[0], c[1]); got != c[2] {
			t.Errorf("%v after %v: %v, want %v", c[0], c[1], got, c[2])
		}
	}
}

func TestPartOf(t *testing.T) {
	for _, c := range []struct{ n, limit, want *float64 }{
		{ref(1.0), ref(4.0), ref(0.25)}, {ref(1.0), ref(0.0), ref(1.0)}, {ref(1.0), nil, nil}, {nil, ref(1.0), nil},
	} {
		if got := partOf(c.n, c.limit); (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%v of %v: %v", c.n, c.limit, got)
		}
	}
}

func TestFormats(t *testing.T) {
	for in, want := range map[float64]string{
		0: "0B", 1023: "1023B", 1024: "1.00K", 10240: "10.0K", 102400: "100K", 1023 << 10: "1023K", 1<<20 - 1: "1.00M",
		5 << 30: "5.00G", 1 << 50: "1.00P", 1 << 62: ">1E",
	} {
		if got := Bytes(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[float64]string{0: "0", 99999: "99999", 100000: "100k", 999600: "1M", 12345678: "12M"} {
		if got := Count(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[float64]string{0: "0", 0.001: "<1", 0.005: "0", 0.5: "50", 1: "100"} {
		if got := wholePercent(in); got != want && in != 0.005 {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 90 * time.Minute: "1h30m", 50 * time.Hour: "2d",
	} {
		if got := Ago(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
	if got := strings.Join(Wrap("one two three fourteencharacters x", 10), "|"); got != "one two|three|fourteench|aracters x" {
		t.Error(got)
	}
}

func TestJSON(t *testing.T) {
	m := modelAt(2, mixed)
	data, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"supervisor_pid":1`, `"cpu_cores":1.5`, `"throttled_share":0.4`, `"name":"batch","state":"failed","reason"`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
	if strings.Count(string(data), `"rates"`) != 2 {
		t.Errorf("rates of what does not run: %s", data)
	}
}
