package doctor

import (
	"strings"
	"testing"
	"time"

	"blackhole/runtime/stats"
	"blackhole/spec"
)

func p[T any](v T) *T { return &v }

const testConfig = `services:
  a:
    executable: /bin/a
    depends_on: [b]
    resources:
      cpu: {quota: 0.5}
      memory: {limit: 50M, soft: 30M}
      io: {read_bps: 1M, write_iops: 100}
      fds: {hard: 100}
      pids: {limit: 10}
      network: {bandwidth: {egress_rate: 100K}}
    health_check: {tcp: 1}
  b: {}
`

var now = time.Unix(1_800_000_000, 0)

// TestDiagnose has rows of facts with what is to be told of them: kind, a part
// of the message, and the place; nothing where nothing is wrong.
func TestDiagnose(t *testing.T) {
	config, err := spec.Parse(spec.Source{Name: "f.yaml", Data: []byte(testConfig)})
	if err != nil {
		t.Fatal(err)
	}
	events := func(of Event, ago ...time.Duration) []Event {
		var all []Event
		for _, a := range ago {
			e := of
			e.Time = now.Add(-a)
			all = append(all, e)
		}
		return all
	}
	cpu := func(periods, throttled uint64) *stats.Stats {
		return &stats.Stats{CPU: &stats.CPU{Periods: &periods, ThrottledCount: &throttled, UsageNS: p(periods * 1e7)}}
	}
	io := func(read, writes uint64, percent float64) *stats.Stats {
		return &stats.Stats{IO: &stats.IO{
			Devices:  []stats.Device{{Major: 8, ReadBytes: p(uint64(5)), WriteIOs: p(uint64(5))}, {Name: "vda", Major: 254, ReadBytes: &read, WriteIOs: &writes}},
			Pressure: &stats.Pressure{Some: &stats.Stall{Avg10: percent}},
		}}
	}
	network := func(sent, dropped uint64) *stats.Stats {
		return &stats.Stats{Network: &stats.Network{TxBytes: sent, Egress: &stats.Shaping{Rate: 100 << 10, Dropped: dropped}}}
	}
	high := func(n, used uint64) *stats.Stats {
		return &stats.Stats{Memory: &stats.Memory{Current: &used, Soft: p(uint64(30 << 20)), Events: &stats.MemoryEvents{High: &n}}}
	}
	starved := func(percent float64) *stats.Stats {
		return &stats.Stats{CPU: &stats.CPU{Pressure: &stats.Pressure{Some: &stats.Stall{Avg10: percent}}}}
	}
	const quota, limit = "f.yaml:6:20", "f.yaml:7:23"
	for name, row := range map[string]struct {
		facts Facts
		want  []string // "KIND @PLACE: PART OF THE MESSAGE"
	}{
		"nothing":                   {Facts{State: "running"}, nil},
		"killed, seen by the count": {Facts{After: &stats.Stats{Memory: &stats.Memory{Limit: p(uint64(50 << 20)), Peak: p(uint64(50 << 20)), Events: &stats.MemoryEvents{OOMKill: p(uint64(2))}}}}, []string{"out_of_memory @" + limit + ": process of it 2 times for want of memory; limit 50M, peak 50M"}},
		"killed, seen by the log":   {Facts{Events: events(Event{Alert: "oom_kill", Cgroup: "/x/a"}, time.Hour, time.Minute)}, []string{"out_of_memory @" + limit + ": at least 2 times for want of memory, the last 1m0s ago; limit 50M"}},
		"killed two days ago":       {Facts{Events: events(Event{Alert: "oom_kill", Cgroup: "/x/a"}, 48*time.Hour)}, nil},
		"killed, seen by the end":   {Facts{Exit: &Exit{137, true}}, []string{"out_of_memory @" + limit + ": at least once"}},
		"killed by another limit":   {Facts{Events: events(Event{Alert: "oom_kill", Cgroup: "/x"}, time.Minute)}, []string{"out_of_memory @: it was the limit of /x"}},
		"killed by the host":        {Facts{Events: events(Event{Alert: "oom_kill"}, time.Minute)}, []string{"out_of_memory @: it was the limit of the host as a whole"}},
		"spared":                    {Facts{Events: events(Event{Alert: "memory_critical"}, time.Minute)}, []string{"out_of_memory @" + limit + ": restarted once before the kernel would have killed it"}},
		"near":                      {Facts{After: &stats.Stats{Memory: &stats.Memory{Current: p(uint64(49 << 20)), Limit: p(uint64(50 << 20))}}}, []string{"memory_near_limit @" + limit + ": 49M of 50M"}},
		"near by file pages":        {Facts{After: &stats.Stats{Memory: &stats.Memory{Current: p(uint64(49 << 20)), Cache: p(uint64(30 << 20)), Limit: p(uint64(50 << 20))}}}, nil},
		"slowed":                    {Facts{Before: high(1, 1), After: high(9, 30<<20)}, []string{"memory_slowed @f.yaml:7:34: 30M used of 30M, over it 8 times in 2s"}},
		"was slowed":                {Facts{Before: high(9, 1), After: high(9, 30<<20)}, nil},
		"throttled":                 {Facts{Before: cpu(1000, 0), After: cpu(1020, 5)}, []string{"cpu_throttled @" + quota + ": 5 of 20 periods (25 %) of the last 2s; it uses 0.10 of its 0.5 cores"}},
		"throttled a little":        {Facts{Before: cpu(1000, 0), After: cpu(1020, 4)}, nil},
		"throttled before":          {Facts{Before: cpu(1000, 300), After: cpu(1020, 300)}, []string{"cpu_throttled @" + quota + ": 300 of 1020 periods (29 %) of its life"}},
		"throttled before and now":  {Facts{Before: cpu(1000, 300), After: cpu(1020, 301)}, []string{"cpu_throttled @" + quota + ": 301 of 1020 periods (30 %) of its life"}},
		"starved":                   {Facts{After: starved(55)}, []string{"cpu_starved @f.yaml:6:7: 55 % of the last ten seconds"}},
		"starved a little":          {Facts{After: starved(45)}, nil},
		"reads at the limit":        {Facts{Before: io(0, 0, 0), After: io(2<<20, 0, 30)}, []string{"io_limited @f.yaml:8:22: reads 1M of 1M a second at disk vda, its limit; it waited for disks during 30 %"}},
		"operations at the limit":   {Facts{Before: io(0, 0, 0), After: io(0, 190, 0)}, []string{"io_limited @f.yaml:8:38: writes 95 of 100 times a second at disk vda"}},
		"bound by a disk":           {Facts{Before: io(0, 0, 0), After: io(1<<20, 0, 25)}, []string{"io_bound @f.yaml:8:7: 25 %"}},
		"reads":                     {Facts{Before: io(0, 0, 0), After: io(1<<20, 0, 15)}, nil},
		"out of descriptors":        {Facts{After: &stats.Stats{FDs: &stats.FDs{PID: 7, Open: 90, Limit: p(uint64(100))}}}, []string{"fds_used_up @f.yaml:9:19: process 7 has 90 of 100"}},
		"some descriptors":          {Facts{After: &stats.Stats{FDs: &stats.FDs{PID: 7, Open: 89, Limit: p(uint64(100))}}}, nil},
		"out of processes":          {Facts{After: &stats.Stats{Pids: &stats.Pids{Current: p(uint64(9)), Limit: p(uint64(10))}}}, []string{"pids_used_up @f.yaml:10:21: 9 of 10"}},
		"was out of processes":      {Facts{PidsHit: 3, After: &stats.Stats{Pids: &stats.Pids{Current: p(uint64(1)), Limit: p(uint64(10))}}}, []string{"pids_used_up @f.yaml:10:21: 1 of 10 processes and threads; the limit refused a new one 3 times"}},
		"bandwidth":                 {Facts{Before: network(0, 1), After: network(200<<10, 4)}, []string{"network_limited @f.yaml:11:42: bandwidth of 100K a second is used up: it tries to send 100K, and 3 packets"}},
		"some bandwidth":            {Facts{Before: network(0, 1), After: network(170<<10, 4)}, nil},
		"killed by SIGSYS":          {Facts{Exit: &Exit{Code: 159}, State: "failed"}, []string{"seccomp_denied @f.yaml:2:3: killed by SIGSYS (exit code 159)"}},
		"denials":                   {Facts{Denied: []Denial{{Call: "acct"}, {Call: "mount"}, {Call: "acct"}}}, []string{"seccomp_denied @f.yaml:2:3: refuses: acct (2 times), mount (once)"}},
		"full":                      {Facts{Full: []Folder{{"/srv", 1 << 20, 1 << 30}, {"/var", 1 << 30, 2 << 30}}}, []string{"disk_full @f.yaml:2:3: /srv, which it writes to, has 1M of 1G left"}},
		"waits":                     {Facts{State: "waiting", Waiting: []string{"b is failed"}}, []string{"waiting @f.yaml:4:5: b is failed"}},
		"unhealthy":                 {Facts{State: "unhealthy", HealthError: "refused"}, []string{"unhealthy @f.yaml:12:5: its health check fails: refused"}},
		"loops": {Facts{State: "running", Exit: &Exit{Code: 1}, Output: []string{"x", " no data"}, Events: events(Event{State: "backoff"}, 3*time.Minute, 2*time.Minute, time.Minute)},
			[]string{"crash_loop @f.yaml:3:17: it ended 3 times in ten minutes, the last 1m0s ago: exit code 1; its last line: no data"}},
		"ended twice":         {Facts{State: "running", Events: events(Event{State: "backoff"}, 3*time.Minute, 2*time.Minute)}, nil},
		"the clock was ahead": {Facts{State: "running", Events: events(Event{State: "backoff"}, -time.Hour, -time.Hour, -time.Hour)}, nil},
		"failed":              {Facts{State: "failed", Reason: "gave up", Exit: &Exit{Code: 1}}, []string{"failed @f.yaml:3:17: it is failed: gave up"}},
		"cannot start":        {Facts{State: "failed", Reason: "cannot create container"}, []string{"does_not_start @f.yaml:3:17: cannot create container"}},
		"failed, and why":     {Facts{State: "failed", Reason: "out of memory", Exit: &Exit{137, true}}, []string{"out_of_memory @" + limit + ": at least once"}},
		"loops, and why": {Facts{State: "backoff", Exit: &Exit{137, true}, Events: events(Event{State: "backoff"}, 3, 2, 1)},
			[]string{"out_of_memory @" + limit + ": at least once", "crash_loop @f.yaml:3:17: it ended 3 times"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := row.facts
			f.Name, f.Config, f.Now, f.Between = "a", config, now, 2*time.Second
			got := Diagnose(&f)
			for i, trouble := range got {
				place := spec.Place{File: trouble.File, Line: trouble.Line, Column: trouble.Column}
				head := trouble.Kind + " @" + place.String() + ": "
				if i >= len(row.want) {
					t.Errorf("too much: %s%s", head, trouble.Message)
					continue
				}
				part, ok := strings.CutPrefix(row.want[i], head)
				if !ok || !strings.Contains(trouble.Message, part) {
					t.Errorf("got  %s%s\nwant %s", head, trouble.Message, row.want[i])
				}
				if trouble.Advice == "" {
					t.Error("no advice")
				}
			}
			for i := len(got); i < len(row.want); i++ {
				t.Errorf("missing: %s", row.want[i])
			}
		})
	}
}

// TestUnconfigured: without a configuration the key is named.
func TestUnconfigured(t *testing.T) {
	got := Diagnose(&Facts{Name: "x", Exit: &Exit{137, true}})
	if len(got) != 1 || got[0].Path != "resources.memory.limit" || got[0].File != "" {
		t.Errorf("%+v", got)
	}
}

func TestDenials(t *testing.T) {
	log := `6,80,122,-;usb 1-1: new device
5,81,123,-;audit: type=1326 audit(1700000000.123:45): auid=4294967295 uid=0 gid=0 ses=4294967295 subj=unconfined pid=7 comm="perl" exe="/usr/bin/perl" sig=31 arch=c000003e syscall=163 compat=0 ip=0x7f code=0x80000000
 SUBSYSTEM=x
type=SECCOMP msg=audit(1700000009.000:46): auid=0 uid=0 gid=0 ses=1 pid=8 comm="x" exe="/bin/x" sig=0 arch=40000003 syscall=999 compat=0 ip=0x7f code=0x7ffc0000
type=SYSCALL msg=audit(1700000009.000:46): arch=c000003e syscall=1 pid=9
5,82,124,-;audit: type=1326 audit(17000
`
	found := fromLog([]byte(log))
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	if d := found[0]; d.PID != 7 || d.Exe != "/usr/bin/perl" || d.Time.Unix() != 1700000000 || d.Call != "acct" && d.Call != "number 163" {
		t.Errorf("%+v", d)
	}
	if d := found[1]; d.PID != 8 || d.Call != "number 999" {
		t.Errorf("%+v", d)
	}
	at := time.Unix(1700000000, 0)
	for name, row := range map[string]struct {
		who   Who
		since time.Time
		want  int
	}{
		"by pid":                  {Who{PIDs: map[int]bool{7: true}}, at, 1},
		"another":                 {Who{PIDs: map[int]bool{6: true}, Program: "/usr/bin/perl"}, at, 0},
		"alone":                   {Who{Program: "/usr/bin/perl", Alone: true}, at, 1},
		"died just then":          {Who{Program: "/usr/bin/perl", Died: at.Add(2 * time.Second)}, at, 1},
		"another's died":          {Who{Program: "/bin/y", Died: at}, at, 0},
		"died at another time":    {Who{Program: "/usr/bin/perl", Died: at.Add(time.Minute)}, at, 0},
		"before what is asked of": {Who{PIDs: map[int]bool{7: true}}, at.Add(time.Second), 0},
	} {
		if got := row.who.Of(found, row.since); len(got) != row.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
