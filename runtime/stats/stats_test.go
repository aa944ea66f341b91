package stats

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// tree writes files given as "== NAME\nCONTENT" into a new folder.
func tree(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for part := range strings.SplitSeq(text, "== ") {
		name, content, ok := strings.Cut(part, "\n")
		if !ok {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const unified = `== cpu.stat
usage_usec 1500000
user_usec 1000000
system_usec 500000
core_sched.force_idle_usec 0
nr_periods 100
nr_throttled 40
throttled_usec 2000
nr_bursts 0
== cpu.pressure
some avg10=1.50 avg60=0.25 avg300=0.05 total=123
full avg10=0.00 avg60=0.00 avg300=0.00 total=7
== memory.current
4096
== memory.peak
8192
== memory.max
1073741824
== memory.high
max
== memory.swap.current
0
== memory.swap.max
0
== memory.stat
anon 1000
file 2000
shmem 30
== memory.events
low 0
high 3
max 2
oom 1
oom_kill 1
oom_group_kill 0
== io.stat
254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0
7:0
(unknown) rbytes=1
== pids.current
3
== pids.max
max
`

func TestUnified(t *testing.T) {
	dir := tree(t, unified)
	want := `{"cpu":{"usage_ns":1500000000,"user_ns":1000000000,"system_ns":500000000,"periods":100,"throttled_count":40,` +
		`"throttled_ns":2000000,"pressure":{"some":{"avg10":1.5,"avg60":0.25,"avg300":0.05,"total_ns":123000},` +
		`"full":{"avg10":0,"avg60":0,"avg300":0,"total_ns":7000}}},` +
		// memory.high and pids.max say max: absent; swap.max says 0: a limit of nothing.
		`"memory":{"current":4096,"peak":8192,"limit":1073741824,"swap":0,"swap_limit":0,"cache":2000,"shmem":30,"rss":1000,` +
		`"events":{"low":0,"high":3,"max":2,"oom":1,"oom_kill":1,"oom_group_kill":0}},` +
		`"io":{"devices":[{"name":"vdx","major":254,"minor":0,"read_bytes":4096,"write_bytes":8192,"read_ios":1,"write_ios":2}]},` +
		`"pids":{"current":3}}`
	check(t, Source{Cgroups: map[string]string{"": dir}}, want)
}

func TestV1(t *testing.T) {
	dir := tree(t, `== cpu/cpu.stat
nr_periods 10
nr_throttled 4
throttled_time 77
== cpuacct/cpuacct.usage
300
== cpuacct/cpuacct.usage_user
200
== cpuacct/cpuacct.usage_sys
100
== memory/memory.usage_in_bytes
4096
== memory/memory.max_usage_in_bytes
5000
== memory/memory.limit_in_bytes
1000000
== memory/memory.soft_limit_in_bytes
9223372036854771712
== memory/memory.memsw.limit_in_bytes
1500000
== memory/memory.failcnt
5
== memory/memory.oom_control
oom_kill_disable 0
under_oom 0
oom_kill 2
== memory/memory.stat
cache 1
rss 2
total_cache 10
total_rss 20
total_shmem 4
total_swap 30
== blkio/blkio.throttle.io_service_bytes_recursive
8:0 Read 100
8:0 Write 200
8:0 Total 300
Total 300
== blkio/blkio.throttle.io_serviced_recursive
8:0 Read 1
8:0 Write 2
Total 3
== pids/pids.current
3
== pids/pids.max
64
`)
	cgroups := map[string]string{}
	for _, name := range []string{"cpu", "cpuacct", "memory", "blkio", "pids"} {
		cgroups[name] = filepath.Join(dir, name)
	}
	cgroups[""] = tree(t, "== cpu.pressure\nsome avg10=0.00 avg60=0.00 avg300=0.00 total=5\n")
	want := `{"cpu":{"usage_ns":300,"user_ns":200,"system_ns":100,"periods":10,"throttled_count":4,"throttled_ns":77,` +
		`"pressure":{"some":{"avg10":0,"avg60":0,"avg300":0,"total_ns":5000}}},` +
		`"memory":{"current":4096,"peak":5000,"limit":1000000,"swap":30,"swap_limit":500000,"cache":10,"shmem":4,"rss":20,` +
		`"events":{"max":5,"oom_kill":2}},` +
		`"io":{"devices":[{"major":8,"minor":0,"read_bytes":100,"write_bytes":200,"read_ios":1,"write_ios":2}]},` +
		`"pids":{"current":3,"limit":64}}`
	check(t, Source{Cgroups: cgroups}, want)
}

func check(t *testing.T, s Source, want string) {
	t.Helper()
	s.Sys = t.TempDir()
	if err := os.MkdirAll(filepath.Join(s.Sys, "dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../devices/pci0/virtio1/block/vdx", filepath.Join(s.Sys, "dev/block/254:0")); err != nil {
		t.Fatal(err)
	}
	st, err := Read(s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A container that is gone has no figures; that is no error.
func TestGone(t *testing.T) {
	check(t, Source{Cgroups: map[string]string{"": filepath.Join(t.TempDir(), "gone")}}, `{}`)
}

func TestBadNumber(t *testing.T) {
	dir := tree(t, "== memory.current\n12x\n")
	_, err := Read(Source{Cgroups: map[string]string{"": dir}})
	if err == nil || !strings.Contains(err.Error(), `memory.current: not a number: "12x"`) {
		t.Errorf("got %v", err)
	}
}

// The process nearest to its limit is found, by the part of the limit.
func TestFDsNearest(t *testing.T) {
	proc := tree(t, `== 10/limits
Max open files            100                  4096                 files
== 10/fd/0
== 10/fd/1
== 10/fd/2
== 20/limits
Max open files            4                    4096                 files
== 20/fd/0
== 20/fd/1
== 30/limits
Max open files            unlimited            unlimited            files
== 30/fd/0
`)
	for _, fd := range []string{"10/fd/0", "10/fd/1", "10/fd/2", "20/fd/0", "20/fd/1", "30/fd/0"} {
		if err := os.MkdirAll(filepath.Join(proc, filepath.Dir(fd)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, fd), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cgroup := tree(t, "== cgroup.procs\n10\n40\n== below/cgroup.procs\n20\n30\n")
	f := fdsBelow(t, proc, cgroup)
	if f == nil || f.PID != 20 || f.Open != 2 || f.Limit == nil || *f.Limit != 4 {
		t.Errorf("got %+v", f)
	}
}

// The real /proc: a shell that holds a known number of descriptors open.
func TestFDsReal(t *testing.T) {
	cmd := exec.Command("sh", "-c", "ulimit -Sn 77; for fd in 3 4 5 6 7 8 9; do eval \"exec $fd</dev/null\"; done; echo ready; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", cmd.Process.Pid))
	want := uint64(len(open)) // the ten it opened, and what it inherited
	if err != nil || want < 10 {
		t.Fatal(want, err)
	}
	cgroup := tree(t, "== cgroup.procs\n"+strconv.Itoa(cmd.Process.Pid)+"\n")
	f := fdsBelow(t, "/proc", cgroup)
	if f == nil || f.Open != want || f.Limit == nil || *f.Limit != 77 {
		t.Errorf("got %+v, want %d open of 77", f, want)
	}
}

func fdsBelow(t *testing.T, proc, cgroup string) *FDs {
	t.Helper()
	st, err := Read(Source{Cgroups: map[string]string{"": cgroup}, Proc: proc})
	if err != nil {
		t.Fatal(err)
	}
	return st.FDs
}
