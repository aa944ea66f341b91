package stats

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What is kept open shows what is in the files now, not at the first reading.
func TestSamplerRereads(t *testing.T) {
	dir := tree(t, unified)
	s := NewSampler(Source{Cgroups: map[string]string{"": dir}, Sys: t.TempDir()}, true)
	defer s.Close()
	first := sample(t, s)
	want, err := Read(Source{Cgroups: map[string]string{"": dir}, Sys: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if asJSON(t, first) != asJSON(t, want) {
		t.Errorf("a sampler reads %s, Read %s", asJSON(t, first), asJSON(t, want))
	}
	for name, text := range map[string]string{
		"memory.current": "5000\n", "memory.max": "max\n",
		"cpu.stat": "usage_usec 7\nnr_throttled 9\n", "io.stat": "8:0 rbytes=1\n",
		"io.pressure": "some avg10=2.50 avg60=0.00 avg300=0.00 total=3\n", // was not there: stays absent
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	now := sample(t, s)
	if n := *now.Memory.Current; n != 5000 {
		t.Errorf("memory.current is %d", n)
	}
	if now.Memory.Limit != nil {
		t.Errorf("memory.max is %d", *now.Memory.Limit)
	}
	if c := now.CPU; *c.UsageNS != 7000 || *c.ThrottledCount != 9 || c.Periods != nil {
		t.Errorf("cpu is %s", asJSON(t, c))
	}
	if len(now.IO.Devices) != 1 || now.IO.Devices[0].Major != 8 || now.IO.Pressure != nil {
		t.Errorf("io is %s", asJSON(t, now.IO))
	}
	if *first.Memory.Current != 4096 {
		t.Error("a reading changed the one before")
	}
}

// Its descriptors are those of the files, however often it reads and whatever
// processes come and go, and Close closes them.
func TestSamplerDescriptors(t *testing.T) {
	dir := tree(t, unified)
	procs := filepath.Join(dir, "cgroup.procs")
	s := NewSampler(Source{Cgroups: map[string]string{"": dir}}, true)
	before := openNow(t)
	most := 0
	for range 5 {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(procs, []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if f := sample(t, s).FDs; f == nil || f.PID != cmd.Process.Pid || f.Open == 0 {
				t.Errorf("of process %d: %+v", cmd.Process.Pid, f)
			}
		}
		if now := openNow(t); most == 0 {
			most = now
		} else if now > most {
			t.Errorf("%d descriptors, %d after the first readings", now, most)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if f := sample(t, s).FDs; f != nil {
			t.Errorf("of a process that is gone: %+v", f)
		}
	}
	if most < before+10 {
		t.Errorf("nothing is kept open: %d descriptors before, %d after", before, most)
	}
	s.Close()
	_ = sample(t, s)
	if now := openNow(t); now != before {
		t.Errorf("%d descriptors before, %d after Close", before, now)
	}
}

// Asleep is so while the processor time stands still, keeps one file open, and
// does not keep the next reading from being whole.
func TestAsleep(t *testing.T) {
	one := `== cpuacct/cpuacct.usage
7
== memory/memory.usage_in_bytes
4096
== pids/cgroup.procs
` + strconv.Itoa(os.Getpid()) + "\n"
	for name, source := range map[string]func() (Source, string){
		"v2": func() (Source, string) {
			dir := tree(t, unified+"== cgroup.procs\n"+strconv.Itoa(os.Getpid())+"\n")
			return Source{Cgroups: map[string]string{"": dir}}, filepath.Join(dir, "cpu.stat")
		},
		"v1": func() (Source, string) {
			dir := tree(t, one)
			cgroups := map[string]string{}
			for _, name := range []string{"cpuacct", "memory", "pids"} {
				cgroups[name] = filepath.Join(dir, name)
			}
			return Source{Cgroups: cgroups}, filepath.Join(dir, "cpuacct/cpuacct.usage")
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := openNow(t)
			source, used := source()
			s := NewSampler(source, true)
			defer s.Close()
			if s.Asleep() {
				t.Error("asleep before the first reading")
			}
			first := sample(t, s)
			for range 2 {
				if !s.Asleep() {
					t.Error("not asleep")
				}
				if now := openNow(t); now > before+1 {
					t.Errorf("%d descriptors more than at first", now-before)
				}
			}
			if now := sample(t, s); asJSON(t, now.Memory) != asJSON(t, first.Memory) || now.FDs == nil {
				t.Errorf("after its sleep: %s", asJSON(t, now))
			}
			text := "9\n"
			if name == "v2" {
				text = "usage_usec 9\n"
			}
			if err := os.WriteFile(used, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if s.Asleep() {
				t.Error("asleep although it has run")
			}
		})
	}
}

// A file that does not fit into the first buffer is read whole.
func TestLongFiles(t *testing.T) {
	text := "io.stat\n"
	for minor := range 1000 {
		text += "8:" + strconv.Itoa(minor) + " rbytes=1\n"
	}
	dir := tree(t, "== "+text+"== cgroup.procs\n"+procsOf(t, 3000))
	for _, keep := range []bool{false, true} {
		s := NewSampler(Source{Cgroups: map[string]string{"": dir}}, keep)
		st := sample(t, s)
		if n := len(st.IO.Devices); n != 1000 {
			t.Errorf("%d disks", n)
		}
		if st.FDs == nil || st.FDs.PID != os.Getpid() {
			t.Errorf("the last process of a long list was not found: %+v", st.FDs)
		}
		s.Close()
	}
}

// procsOf is a list of processes that do not exist, with this one at its end.
func procsOf(t *testing.T, n int) (text string) {
	t.Helper()
	for i := range n {
		text += strconv.Itoa(1<<30+i) + "\n" // above PID_MAX_LIMIT
	}
	return text + strconv.Itoa(os.Getpid()) + "\n"
}

func sample(t *testing.T, s *Sampler) *Stats {
	t.Helper()
	st, err := s.Read()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func openNow(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A process that a brief reading leaves to the next is in that one, also when all
// went to sleep between the two: a server's workers that do nothing but accept.
func TestAsleepLooksAtNewProcesses(t *testing.T) {
	worker := exec.Command("sh", "-c", "ulimit -n 8; exec sleep 1000")
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Process.Kill(); _ = worker.Wait() }()
	for limit := (unix.Rlimit{}); limit.Cur != 8; time.Sleep(time.Millisecond) {
		if err := unix.Prlimit(worker.Process.Pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
			t.Fatal(err)
		}
	}
	dir := tree(t, unified+"== cgroup.procs\n"+fmt.Sprintf("%d\n%d\n", os.Getpid(), worker.Process.Pid))
	s := NewSampler(Source{Cgroups: map[string]string{"": dir}}, true)
	defer s.Close()
	_ = sample(t, s)
	if !s.Asleep() {
		t.Fatal("not asleep after a whole reading")
	}
	if err := os.WriteFile(filepath.Join(dir, "cpu.stat"), []byte("usage_usec 9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	brief := func() int {
		st, err := s.Brief(1)
		if err != nil || st.FDs == nil {
			t.Fatalf("%+v, %v", st, err)
		}
		return st.FDs.PID
	}
	if s.Asleep() {
		t.Fatal("asleep although it has run")
	}
	if pid := brief(); pid != os.Getpid() {
		t.Fatalf("a new process, %d, is in a brief reading: this test tests nothing", pid)
	}
	if s.Asleep() {
		t.Fatal("asleep although a process has not been looked at yet")
	}
	if pid := brief(); pid != worker.Process.Pid {
		t.Errorf("process %d is told as the nearest to its limit, not the worker", pid)
	}
	if !s.Asleep() {
		t.Error("not asleep although all was looked at")
	}
}
