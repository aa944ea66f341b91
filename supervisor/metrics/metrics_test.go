package metrics

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"blackhole/internal/exposition"
	"blackhole/runtime/stats"
)

var update = flag.Bool("update", false, "write the table of docs/metrics.md")

func ptr[T any](v T) *T { return &v }

// full is a service of which everything is known.
func full() Service {
	stall := &stats.Pressure{Some: &stats.Stall{Avg10: 50, TotalNS: 1_500_000_000}, Full: &stats.Stall{TotalNS: 500_000_000}}
	n := func(v uint64) *uint64 { return &v }
	return Service{
		Name: "web", State: "running", Restarts: 2, OOMKills: 3, Healthy: ptr(true),
		Started: time.Unix(1000, 0), Ended: time.Unix(900, 5e8), ExitCode: 137, Sampled: time.Unix(2000, 0),
		Raised: map[string]uint64{"oom_kill": 4}, Firing: map[string]bool{"oom_kill": true}, WorkingSet: n(60),
		Stats: &stats.Stats{
			CPU: &stats.CPU{UsageNS: n(3e9), UserNS: n(2e9), SystemNS: n(1e9), Periods: n(10), ThrottledCount: n(4), ThrottledNS: n(250_000_000), Pressure: stall},
			Memory: &stats.Memory{
				Current: n(100), Peak: n(200), Limit: n(300), Soft: n(250), Swap: n(5), SwapLimit: n(50), Cache: n(40), Shmem: n(4), RSS: n(55), Pressure: stall,
				Events: &stats.MemoryEvents{Low: n(1), High: n(2), Max: n(3), OOM: n(4), OOMKill: n(5), OOMGroupKill: n(6)},
			},
			IO: &stats.IO{
				Devices:  []stats.Device{{Name: "sda", Major: 8, ReadBytes: n(11), WriteBytes: n(12), ReadIOs: n(13), WriteIOs: n(14)}, {Major: 9, Minor: 1, ReadBytes: n(1)}},
				Pressure: stall,
			},
			Pids: &stats.Pids{Current: n(7), Limit: n(70)},
			FDs:  &stats.FDs{PID: 1, Open: 9, Limit: n(90)},
		},
		Network: &stats.Network{
			RxBytes: 1, TxBytes: 2, RxPackets: 3, TxPackets: 4, RxDropped: 5, TxDropped: 6,
			Ingress: &stats.Shaping{Rate: 10, Bytes: 11, Dropped: 12, Overlimits: 13, BacklogBytes: 14, BacklogPackets: 15},
			Egress:  &stats.Shaping{Rate: 20, Bytes: 21, Dropped: 22, Overlimits: 23, BacklogBytes: 24, BacklogPackets: 25},
		},
		Limits: &stats.Limits{CPUCores: ptr(1.5), Devices: []stats.DeviceLimits{{Name: "sda", Major: 8, ReadBytes: n(1), WriteBytes: n(2), ReadIOs: n(3), WriteIOs: n(4)}}},
	}
}

func page(services ...Service) string {
	return string(Page(&Snapshot{
		Version: "1.2", Commit: "abc", Interval: 5 * time.Second, States: []string{"running", "stopped"},
		Alerts: []AlertKind{{"oom_kill", "alert"}, {"cpu_near_limit", "warning"}}, Services: services,
	}))
}

func TestFull(t *testing.T) {
	p := page(full(), Service{Name: "idle", State: "stopped"})
	for _, want := range []string{
		`blackhole_build_info{version="1.2",commit="abc",goversion="go`,
		"blackhole_monitor_interval_seconds 5\n",
		`blackhole_service_state{service="web",state="running"} 1`,
		`blackhole_service_state{service="web",state="stopped"} 0`,
		`blackhole_service_state{service="idle",state="stopped"} 1`,
		`blackhole_service_healthy{service="web"} 1`,
		`blackhole_service_restarts_total{service="web"} 2`,
		`blackhole_service_last_exit_time_seconds{service="web"} 900.5`,
		`blackhole_service_last_exit_code{service="web"} 137`,
		`blackhole_service_violations_total{service="web",kind="oom_kill",severity="alert"} 4`,
		`blackhole_service_violations_total{service="idle",kind="oom_kill",severity="alert"} 0`,
		`blackhole_service_alert_active{service="web",kind="cpu_near_limit",severity="warning"} 0`,
		`blackhole_service_alert_active{service="web",kind="oom_kill",severity="alert"} 1`,
		`blackhole_service_cpu_usage_seconds_total{service="web"} 3`,
		`blackhole_service_cpu_throttled_seconds_total{service="web"} 0.25`,
		`blackhole_service_cpu_limit_cores{service="web"} 1.5`,
		`blackhole_service_memory_events_total{service="web",event="oom_group_kill"} 6`,
		`blackhole_service_io_read_bytes_total{service="web",device="sda"} 11`,
		`blackhole_service_io_read_bytes_total{service="web",device="9:1"} 1`,
		`blackhole_service_io_write_limit_operations_per_second{service="web",device="sda"} 4`,
		`blackhole_service_network_limit_bytes_per_second{service="web",direction="egress"} 20`,
		`blackhole_service_network_shaping_backlog_packets{service="web",direction="ingress"} 15`,
		`blackhole_service_pressure_waiting_seconds_total{service="web",resource="io"} 1.5`,
		`blackhole_service_pressure_stalled_seconds_total{service="web",resource="memory"} 0.5`,
	} {
		if !strings.Contains(p, want) {
			t.Errorf("not in the page: %s", want)
		}
	}
	// A family that never comes is a mistake in the table, or in full.
	for _, f := range families() {
		if !strings.Contains(p, "# TYPE "+f.Name+" "+string(f.Type)+"\n") {
			t.Errorf("%s never comes", f.Name)
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(p) {
		series, _, _ := strings.Cut(line, " ")
		if line[0] != '#' && seen[series] {
			t.Errorf("twice: %s", series)
		}
		seen[series] = true
	}
}

// Of what is not known there is nothing, and no zero.
func TestAbsent(t *testing.T) {
	idle := page(Service{Name: "idle", State: "stopped"})
	bare := page(Service{Name: "bare", State: "running", Started: time.Unix(1, 0), Stats: &stats.Stats{CPU: &stats.CPU{UsageNS: ptr(uint64(0))}, IO: &stats.IO{}}, Network: &stats.Network{}, Limits: &stats.Limits{}})
	for _, f := range families() {
		name := strings.TrimPrefix(f.Name, "blackhole_service_")
		if name == f.Name {
			continue
		}
		var always, withBare bool
		switch name {
		case "state", "restarts_total", "violations_total", "alert_active", "oom_kills_total":
			always, withBare = true, true
		case "start_time_seconds", "cpu_usage_seconds_total":
			withBare = true
		default:
			withBare = strings.HasPrefix(name, "network_receive") || strings.HasPrefix(name, "network_transmit")
		}
		for _, p := range []struct {
			text string
			want bool
		}{{idle, always}, {bare, withBare}} {
			if got := strings.Contains(p.text, f.Name+"{"); got != p.want {
				t.Errorf("%s comes: %v, want %v", f.Name, got, p.want)
			}
		}
	}
}

func BenchmarkPage(b *testing.B) {
	s := Snapshot{States: make([]string, 8), Alerts: make([]AlertKind, 14), Services: make([]Service, 200)}
	for i := range s.Services {
		s.Services[i] = full()
	}
	for b.Loop() {
		b.SetBytes(int64(len(Page(&s))))
	}
}

// families lists all families of the page.
func families() []exposition.Family {
	var list []exposition.Family
	for _, m := range all() {
		list = append(list, m.Family)
	}
	return append(list, own...)
}

const (
	docs  = "../../docs/metrics.md"
	begin = "<!-- The table is written by: go test ./supervisor/metrics -update -->\n"
	end   = "<!-- end of the table -->\n"
)

// The page of the manual lists what there is.
func TestDocs(t *testing.T) {
	var table strings.Builder
	table.WriteString("| metric | type | labels | |\n|---|---|---|---|\n")
	for _, f := range families() {
		labels := strings.Join(f.Labels, ", ")
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.Name, f.Type, labels, strings.TrimSuffix(f.Help, "."))
	}
	data, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", docs)
	}
	want := before + begin + table.String() + end + after
	if *update {
		if err := os.WriteFile(docs, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(data) {
		t.Errorf("%s is not up to date: go test ./supervisor/metrics -update", docs)
	}
}

func TestReadProcess(t *testing.T) {
	figures := map[string]float64{}
	readProcess("/proc", figures)
	age := time.Since(time.UnixMilli(int64(figures["process_start_time_seconds"] * 1000)))
	if age < -2*time.Second || age > time.Hour {
		t.Errorf("this process started %v ago", age)
	}
	open, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	again := map[string]float64{}
	readProcess("/proc", again)
	if again["process_open_fds"] != figures["process_open_fds"]+1 {
		t.Errorf("descriptors: %v, and after one more %v", figures["process_open_fds"], again["process_open_fds"])
	}
	if figures["process_resident_memory_bytes"] < 1<<20 || figures["go_threads"] < 1 || figures["process_max_fds"] < 3 {
		t.Errorf("%v", figures)
	}
}
