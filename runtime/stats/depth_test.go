package stats

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const separate = `== cpuacct/cpuacct.usage
7
== cpuacct/cpuacct.usage_user
3
== cpu/cpu.stat
nr_periods 5
nr_throttled 1
throttled_time 2
== memory/memory.usage_in_bytes
4096
== memory/memory.max_usage_in_bytes
8192
== memory/memory.limit_in_bytes
1000000
== memory/memory.soft_limit_in_bytes
900000
== memory/memory.memsw.limit_in_bytes
1500000
== memory/memory.failcnt
1
== memory/memory.oom_control
oom_kill 1
== memory/memory.stat
total_cache 10
total_shmem 1
total_rss 20
total_swap 30
== blkio/blkio.throttle.io_service_bytes_recursive
8:0 Read 100
== blkio/blkio.throttle.io_serviced_recursive
8:0 Read 1
== pids/pids.current
2
== pids/pids.max
10
== beside/cpu.pressure
some avg10=1.00 avg60=0.00 avg300=0.00 total=1
== beside/io.pressure
some avg10=2.00 avg60=0.00 avg300=0.00 total=2
== beside/cgroup.procs
`

// both gives a container on v1 and on v2, whose files can be changed.
func both(t *testing.T, run func(t *testing.T, s *Sampler, change func(files map[string]string))) {
	me := strconv.Itoa(os.Getpid()) + "\n"
	for name, source := range map[string]func() (dir string, s Source){
		"v2": func() (string, Source) {
			dir := tree(t, unified+"== io.pressure\nsome avg10=2.00 avg60=0.00 avg300=0.00 total=2\n== cgroup.procs\n"+me)
			return dir, Source{Cgroups: map[string]string{"": dir}, Sys: t.TempDir()}
		},
		"v1": func() (string, Source) {
			dir := tree(t, separate+me)
			cgroups := map[string]string{"": filepath.Join(dir, "beside")}
			for _, name := range []string{"cpuacct", "cpu", "memory", "blkio", "pids"} {
				cgroups[name] = filepath.Join(dir, name)
			}
			return dir, Source{Cgroups: cgroups, Sys: t.TempDir()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, source := source()
			s := NewSampler(source, true)
			t.Cleanup(s.Close)
			run(t, s, func(files map[string]string) {
				for name, text := range files {
					path := filepath.Join(dir, name)
					if _, err := os.Stat(path); err != nil {
						continue // of the other version
					}
					if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// moved is all that a container's files may say next, limits included.
var moved = map[string]string{
	"cpuacct/cpuacct.usage": "9000\n", "cpu/cpu.stat": "nr_periods 6\nnr_throttled 2\nthrottled_time 3\n",
	"memory/memory.usage_in_bytes": "5000\n", "memory/memory.limit_in_bytes": "2000000\n", "memory/memory.memsw.limit_in_bytes": "2100000\n",
	"memory/memory.oom_control": "oom_kill 2\n", "memory/memory.stat": "total_cache 11\ntotal_shmem 2\ntotal_rss 21\ntotal_swap 31\n",
	"blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 101\n", "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 2\n",
	"pids/pids.current": "3\n", "pids/pids.max": "20\n", "beside/io.pressure": "some avg10=3.00 avg60=0.00 avg300=0.00 total=3\n",

	"cpu.stat":       "usage_usec 9\nnr_periods 6\nnr_throttled 2\nthrottled_usec 3\n",
	"memory.current": "5000\n", "memory.max": "2000000\n", "memory.swap.max": "100000\n", "memory.swap.current": "31\n",
	"memory.events": "high 4\noom_kill 2\n", "memory.stat": "anon 21\nfile 11\nshmem 2\n",
	"io.stat": "8:0 rbytes=101 rios=2\n", "pids.current": "3\n", "pids.max": "20\n",
	"io.pressure": "some avg10=3.00 avg60=0.00 avg300=0.00 total=3\n",
}

// same compares parts of two readings.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := asJSON(t, got), asJSON(t, want); g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

// Without a new operation the disks' bytes are not read, with one they are; so
// they are when all is read.
func TestBriefOfDisksAtRest(t *testing.T) {
	both(t, func(t *testing.T, s *Sampler, change func(map[string]string)) {
		if s.r.unified {
			t.Skip("v2 has both in one file")
		}
		read := func() uint64 {
			st, err := s.Brief(0)
			if err != nil {
				t.Fatal(err)
			}
			return *st.IO.Devices[0].ReadBytes
		}
		_ = sample(t, s)
		change(map[string]string{"blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 101\n"})
		if n := read(); n != 100 {
			t.Errorf("bytes without an operation were read: %d", n)
		}
		if st := sample(t, s); *st.IO.Devices[0].ReadBytes != 101 {
			t.Errorf("a whole reading has %s", asJSON(t, st.IO))
		}
		change(map[string]string{
			"blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 102\n", "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 2\n",
		})
		if n := read(); n != 102 {
			t.Errorf("after an operation %d bytes were read", n)
		}
	})
}

// Brief has what moves by itself as it is now, limits as they were, and nothing
// of what it does not read.
func TestBrief(t *testing.T) {
	both(t, func(t *testing.T, s *Sampler, change func(map[string]string)) {
		first := sample(t, s)
		change(moved)
		st, err := s.Brief(0)
		if err != nil {
			t.Fatal(err)
		}
		whole := sample(t, s)
		if *st.CPU.UsageNS != 9000 || *st.CPU.Periods != 6 || *st.CPU.ThrottledCount != 2 {
			t.Errorf("cpu is %s", asJSON(t, st.CPU))
		}
		m, w := st.Memory, whole.Memory
		same(t, "memory", []*uint64{m.Current, m.Swap, m.Cache, m.Shmem, m.RSS, m.Events.OOMKill, m.Events.High},
			[]*uint64{w.Current, w.Swap, w.Cache, w.Shmem, w.RSS, w.Events.OOMKill, w.Events.High})
		if *m.Current != 5000 || *m.Events.OOMKill != 2 {
			t.Errorf("memory is %s", asJSON(t, m))
		}
		same(t, "limits", []*uint64{m.Limit, m.Soft, m.SwapLimit, st.Pids.Limit},
			[]*uint64{first.Memory.Limit, first.Memory.Soft, first.Memory.SwapLimit, first.Pids.Limit})
		if *w.Limit != 2000000 || *w.SwapLimit != 100000 || *whole.Pids.Limit != 20 {
			t.Errorf("after it, a whole reading has %s and %s", asJSON(t, w), asJSON(t, whole.Pids))
		}
		if m.Peak != nil || m.Pressure != nil || st.CPU.Pressure != nil || m.Events.Max != nil && s.r.unified == false {
			t.Errorf("it has more: %s", asJSON(t, st))
		}
		same(t, "io", st.IO, whole.IO)
		if *st.IO.Devices[0].ReadBytes != 101 || st.IO.Pressure.Some.Avg10 != 3 {
			t.Errorf("io is %s", asJSON(t, st.IO))
		}
		if *st.Pids.Current != 3 || st.FDs == nil || st.FDs.PID != os.Getpid() {
			t.Errorf("pids %s, descriptors %s", asJSON(t, st.Pids), asJSON(t, st.FDs))
		}
	})
}

// Limited has the limits as they are now, too, and nothing beyond.
func TestLimited(t *testing.T) {
	both(t, func(t *testing.T, s *Sampler, change func(map[string]string)) {
		_ = sample(t, s)
		change(moved)
		st, err := s.Limited()
		if err != nil {
			t.Fatal(err)
		}
		whole := sample(t, s)
		m, w := st.Memory, whole.Memory
		same(t, "limits", []*uint64{m.Limit, m.Soft, m.SwapLimit, st.Pids.Limit}, []*uint64{w.Limit, w.Soft, w.SwapLimit, whole.Pids.Limit})
		same(t, "memory", []*uint64{m.Current, m.Swap, m.Cache, m.RSS}, []*uint64{w.Current, w.Swap, w.Cache, w.RSS})
		if *m.Limit != 2000000 || *st.Pids.Limit != 20 {
			t.Errorf("it has %s and %s", asJSON(t, m), asJSON(t, st.Pids))
		}
		if m.Peak != nil || m.Pressure != nil || st.CPU.Pressure != nil || m.Events.Max != nil && s.r.unified == false {
			t.Errorf("it has more: %s", asJSON(t, st))
		}
	})
}

// A process that is new is left to the next brief reading where another counts, but not
// where something is near its limit; its limit is read with all limits.
func TestNewProcesses(t *testing.T) {
	dir := tree(t, unified)
	s := NewSampler(Source{Cgroups: map[string]string{"": dir}}, true)
	defer s.Close()
	young := exec.Command("sh", "-c", "exec 5</ 6</ 7</ 8</ 9</; ulimit -n 100; exec sleep 1000")
	old := exec.Command("sleep", "1000")
	for _, cmd := range []*exec.Cmd{old, young} {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	for comm := ""; comm != "sleep\n"; {
		data, err := os.ReadFile("/proc/" + strconv.Itoa(young.Process.Pid) + "/comm")
		if err != nil {
			t.Fatal(err)
		}
		comm = string(data)
	}
	list := func(cmds ...*exec.Cmd) {
		text := ""
		for _, cmd := range cmds {
			text += strconv.Itoa(cmd.Process.Pid) + "\n"
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	nearest := func(near float64) *FDs {
		st, err := s.Brief(near)
		if err != nil {
			t.Fatal(err)
		}
		return st.FDs
	}
	list(old)
	_ = sample(t, s)
	for range 2 {
		if f := nearest(0.5); f.PID != old.Process.Pid {
			t.Errorf("alone: %+v", f)
		}
	}
	list(old, young)
	if f := nearest(0.5); f.PID != old.Process.Pid {
		t.Errorf("one that is new was looked at: %+v", f)
	}
	for range 2 {
		if f := nearest(0.5); f.PID != young.Process.Pid || *f.Limit != 100 {
			t.Errorf("one that was new was not looked at: %+v", f)
		}
	}
	if err := unix.Prlimit(young.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 50, Max: 100}, nil); err != nil {
		t.Fatal(err)
	}
	if f := nearest(0.5); *f.Limit != 100 {
		t.Errorf("its limit was read: %+v", f)
	}
	st, err := s.Limited()
	if err != nil {
		t.Fatal(err)
	}
	if *st.FDs.Limit != 50 || *nearest(0.5).Limit != 50 {
		t.Errorf("its limit was not read: %+v", st.FDs)
	}
	lower := func(to uint64) {
		if err := unix.Prlimit(young.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: to, Max: 100}, nil); err != nil {
			t.Fatal(err)
		}
	}
	lower(nearest(0.5).Open + 1)
	if _, err := s.Limited(); err != nil {
		t.Fatal(err)
	}
	lower(90)
	if f := nearest(0.5); *f.Limit != 90 {
		t.Errorf("near its limit: another was not read: %+v", f)
	}
	list(old)
	_ = nearest(0.5)
	list(old, young)
	if f := nearest(0); f.PID != young.Process.Pid {
		t.Errorf("near a limit: one that is new was not looked at: %+v", f)
	}
}

// What memory is made of is taken over far from the limit alone, and as long as
// the amount stands about where it stood when that was read.
func TestMemoryTakenOver(t *testing.T) {
	both(t, func(t *testing.T, s *Sampler, change func(map[string]string)) {
		limits := map[string]string{"memory.max": "640000\n", "memory/memory.limit_in_bytes": "640000\n", "memory/memory.memsw.limit_in_bytes": "640000\n"}
		change(limits)
		used := func(current, anon int) uint64 {
			t.Helper()
			c, a := strconv.Itoa(current), strconv.Itoa(anon)
			change(map[string]string{
				"memory.current": c, "memory.stat": "anon " + a + "\n",
				"memory/memory.usage_in_bytes": c, "memory/memory.stat": "total_rss " + a + "\n",
			})
			st, err := s.Brief(0.5)
			if err != nil {
				t.Fatal(err)
			}
			if *st.Memory.Current != uint64(current) {
				t.Errorf("%d used, not %d", *st.Memory.Current, current)
			}
			return *st.Memory.RSS
		}
		for i, row := range []struct {
			current, anon int
			want          uint64
		}{
			{100000, 1, 1},
			{105000, 2, 1}, // 10000 are a 64th of the limit
			{95000, 3, 1},
			{111000, 4, 4},
			{105000, 5, 4},
			{100000, 6, 6}, // much less than at the last look at it, step by step
			{319999, 7, 7},
			{319999, 8, 7},
			{320000, 9, 9}, // half of the limit
			{320000, 10, 10},
		} {
			if got := used(row.current, row.anon); got != row.want {
				t.Errorf("row %d: %d anonymous, want %d", i, got, row.want)
			}
		}
	})
}

// The first reading is whole, however it is asked for: nothing could be taken over.
func TestFirstBrief(t *testing.T) {
	both(t, func(t *testing.T, s *Sampler, _ func(map[string]string)) {
		first, err := s.Brief(0)
		if err != nil {
			t.Fatal(err)
		}
		second := sample(t, s)
		first.FDs, second.FDs = nil, nil // of this process, which has just opened some
		same(t, "the first", first, second)
	})
}

// Resting has memory and limits as they are now, the rest as it was, and leaves
// nothing open but the file by which it is known to sleep.
func TestResting(t *testing.T) {
	both(t, func(t *testing.T, s *Sampler, change func(map[string]string)) {
		before := openNow(t)
		first := sample(t, s)
		still := map[string]string{}
		for name, text := range moved {
			if !strings.Contains(name, "cpu") {
				still[name] = text
			}
		}
		change(still)
		if !s.Asleep() {
			t.Fatal("not asleep")
		}
		st, err := s.Resting()
		if err != nil {
			t.Fatal(err)
		}
		if now := openNow(t); now > before+1 {
			t.Errorf("%d descriptors more than at first", now-before)
		}
		same(t, "cpu", st.CPU, first.CPU)
		same(t, "descriptors", st.FDs, first.FDs)
		same(t, "disks", st.IO.Devices, first.IO.Devices)
		if m := st.Memory; *m.Current != 5000 || *m.Limit != 2000000 || *m.SwapLimit != 100000 || *m.Swap != 31 || *m.Cache != 11 {
			t.Errorf("memory is %s", asJSON(t, m))
		}
		if *st.Pids.Limit != 20 || st.IO.Pressure.Some.Avg10 != 3 {
			t.Errorf("pids %s, io %s", asJSON(t, st.Pids), asJSON(t, st.IO))
		}
		if !s.Asleep() {
			t.Error("looked at, it is not asleep any more")
		}
	})
}
