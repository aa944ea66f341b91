package stats

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// parsed are the files of a cgroup that are parsed, of v2 and of v1.
func parsed() (v2, v1 []string) {
	return []string{"cpu.stat", "cpu.pressure", "memory.current", "memory.max", "memory.stat", "memory.events", "io.stat", "pids.max", "cgroup.procs", "cpu.max", "io.max"},
		[]string{
			"cpu/cpu.stat", "cpuacct/cpuacct.usage", "memory/memory.usage_in_bytes", "memory/memory.memsw.limit_in_bytes", "memory/memory.stat",
			"memory/memory.oom_control", "blkio/blkio.throttle.io_service_bytes_recursive", "blkio/blkio.throttle.read_bps_device", "pids/pids.max",
			"cpu/cpu.cfs_quota_us", "pids/cgroup.procs",
		}
}

// FuzzFiles: whatever one file of a cgroup holds, there are figures or an error
// that names the file, not both; the figures can be written; no device is
// twice among the limits; and a reader that keeps files open reads the same.
func FuzzFiles(f *testing.F) {
	filesOf2, filesOf1 := parsed()
	all := len(filesOf2) + len(filesOf1)
	for part := range strings.SplitSeq(unified, "== ") {
		name, content, _ := strings.Cut(part, "\n")
		f.Add(uint8(max(slices.Index(filesOf2, name), 0)), []byte(content))
	}
	for _, text := range []string{
		"254:0 Read 4096\n254:0 Write 1\nTotal 4097\n", "254:0 rbps=1048576 wbps=max riops=max wiops=120\n", "8:16 1048576\n", "-1\n",
		"9223372036854771712\n", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", "75000 50000\n", "total_rss 18446744073709551616\n",
	} {
		for which := range all {
			f.Add(uint8(which), []byte(text))
		}
	}
	dir := f.TempDir()
	two, one := filepath.Join(dir, "2"), filepath.Join(dir, "1")
	v1 := map[string]string{}
	for _, controller := range []string{"cpu", "cpuacct", "memory", "blkio", "pids"} {
		v1[controller] = filepath.Join(one, controller)
		if err := os.MkdirAll(v1[controller], 0o755); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Mkdir(two, 0o755); err != nil {
		f.Fatal(err)
	}
	// Without these there is no part that the others belong to.
	for _, name := range []string{"2/memory.current", "2/pids.current", "1/memory/memory.usage_in_bytes", "1/memory/memory.limit_in_bytes", "1/pids/pids.current"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("1\n"), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		source, path := Source{Cgroups: map[string]string{"": two}, Proc: dir, Sys: dir}, ""
		if i := int(which) % all; i < len(filesOf2) {
			path = filepath.Join(two, filesOf2[i])
		} else {
			source.Cgroups, path = v1, filepath.Join(one, filesOf1[i-len(filesOf2)])
		}
		before, berr := os.ReadFile(path)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		checkRead(t, source, path)
		if berr == nil {
			berr = os.WriteFile(path, before, 0o644)
		} else {
			berr = os.Remove(path)
		}
		if berr != nil {
			t.Fatal(berr)
		}
	})
}

func checkRead(t *testing.T, source Source, path string) {
	t.Helper()
	st, err := Read(source)
	switch {
	case err != nil && st != nil:
		t.Fatalf("both figures and an error: %v", err)
	case err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n")):
		t.Fatalf("an error without its file, or of several lines: %q", err)
	case err == nil:
		if _, err := json.Marshal(st); err != nil {
			t.Fatalf("%s: figures that cannot be written: %v", path, err)
		}
	}
	kept := NewSampler(source, true)
	defer kept.Close()
	for range 2 {
		again, kerr := kept.Read()
		if (err == nil) != (kerr == nil) || err == nil && !reflect.DeepEqual(st, again) {
			t.Fatalf("%s: read as %v (%v), and with files kept open as %v (%v)", path, st, err, again, kerr)
		}
	}
	kept.Asleep()
	l, err := ReadLimits(source)
	if err != nil {
		if !strings.Contains(err.Error(), path) {
			t.Fatalf("an error without its file: %v", err)
		}
		return
	}
	seen := map[[2]uint64]bool{}
	for _, d := range l.Devices {
		if number := [2]uint64{d.Major, d.Minor}; seen[number] {
			t.Fatalf("device %v is there twice", number)
		} else {
			seen[number] = true
		}
	}
	if l.CPUCores != nil && !(*l.CPUCores > 0) {
		t.Fatalf("%v cores", *l.CPUCores)
	}
}

// FuzzDescriptors: of the process that a list of numbers and a limits file of
// /proc tell of, the limit is what stands there.
func FuzzDescriptors(f *testing.F) {
	f.Add("7\n", "Max open files            100                  4096                 files\n")
	f.Add("0\n-3\n7\n", "Max open files            unlimited            unlimited            files\n")
	f.Add("7\n7\n", "Limit\nMax open files\n")
	dir := f.TempDir()
	fds := filepath.Join(dir, "7", "fd")
	if err := os.MkdirAll(filepath.Join(fds, "0"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, procs, limits string) {
		for name, text := range map[string]string{"cgroup.procs": procs, "7/limits": limits} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		st, err := Read(Source{Cgroups: map[string]string{"": dir}, Proc: dir, Sys: dir})
		if err != nil {
			t.Fatal(err)
		}
		if got := st.FDs; got != nil && (got.PID != 7 || got.Open != 1) {
			t.Fatalf("%+v", got)
		}
	})
}
