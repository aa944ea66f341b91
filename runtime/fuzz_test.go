package runtime

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"

	"blackhole/bundle"
)

// oneLine is what every error of a file is.
func oneLine(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); text == "" || strings.ContainsAny(text, "\n\r\x00") || len(text) > 4096 {
		t.Fatalf("not one line: %q", text)
	}
}

// FuzzConfig: the way of a config.json up to where the kernel comes in ends with
// an error or a configuration, whose record is read back as it was written and
// passes its own check.
func FuzzConfig(f *testing.F) {
	example, err := bundle.Encode(bundle.Default())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	rest := `"process":{"args":["x"],"cwd":"/","user":{"uid":0}},"root":{"path":"r"}`
	for _, linux := range []string{
		`"cgroupsPath":"/a/b","resources":{"memory":{"limit":-1},"unified":{"memory.high":"1"},"devices":[{"allow":true,"type":"c","major":1,"access":"rwm"}]}`,
		`"namespaces":[{"type":"pid"},{"type":"user"},{"type":"time"}],"uidMappings":[{"containerID":0,"hostID":1,"size":1}],"timeOffsets":{"x":{}}`,
		`"cgroupsPath":"../../..","seccomp":{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}`,
		`"intelRdt":{},"rootfsPropagation":"shared","maskedPaths":["/proc/kcore"],"sysctl":{"net.x":"1"},"netDevices":{"a":{"name":"b"}}`,
	} {
		f.Add([]byte(`{"ociVersion":"1.2.0",` + rest + `,"linux":{` + linux + `},"hooks":{"poststop":[{"path":"/x","timeout":0}]},"mounts":[{"destination":"a","source":"b","options":["bind","rro","mode=x"]}]}`))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, bundle.ConfigName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		spec, err := bundle.Load(dir)
		if err != nil {
			return // FuzzLoad of package bundle
		}
		r := &Runtime{Root: filepath.Join(dir, "root")}
		for _, err := range []error{checkHost(spec.Process), checkHooks(spec.Hooks), checkTerminal(spec.Process.Terminal, false, "s")} {
			if err != nil {
				return
			}
		}
		if _, err := newProcess(spec.Process); err != nil {
			return
		}
		config, err := r.config(&CreateOptions{ID: "x", Bundle: dir}, spec)
		if err != nil {
			if config != nil || err.Error() == "" {
				t.Fatalf("%v, %v", config, err)
			}
			return
		}
		unheld(spec.Linux.Resources)
		m, err := manager.New(config.Cgroups)
		if err != nil {
			return
		}
		d := newRecordData(config, m)
		if d.Bundle != dir {
			t.Fatalf("the bundle is %q", d.Bundle)
		}
		markHooks(config, dir)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		rec := &record{path: filepath.Join(dir, "@x.json")}
		if err := os.WriteFile(rec.path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := rec.read(); err != nil || rec.damaged != nil {
			t.Fatalf("%s: %v, %v", text, err, rec.damaged)
		}
		again, err := json.Marshal(rec.recordData)
		if err != nil || !bytes.Equal(text, again) {
			t.Fatalf("%s\nis read as\n%s", text, again)
		}
		// Of the root cgroup itself create refuses to make a container.
		if err := checkCgroups(rec.Cgroup, rec.CgroupPaths); err != nil && cgroupName(rec.Cgroup) != "" {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

// contained is what checkCgroups is to ensure, said in another way: each path is
// the cgroup's name below some folder.
func contained(t *testing.T, cg *cgroups.Cgroup, paths map[string]string) {
	t.Helper()
	for _, path := range paths {
		if path == "" {
			continue
		}
		name := cgroupName(cg)
		above, found := strings.CutSuffix(path, name)
		if !found || name == "" || name == "/" || above+name != filepath.Clean(path) || path[0] != '/' || strings.Contains(path, "/../") {
			t.Fatalf("path %q passes as cgroup %q", path, name)
		}
	}
}

// FuzzState: whatever a container's state.json holds, it is read or refused with
// one line; and what is read leads to no cgroup but its own.
func FuzzState(f *testing.F) {
	f.Add([]byte("null"))
	f.Add([]byte("{}"))
	f.Add([]byte(`{"id":"x","config":{"cgroups":null}}`))
	f.Add([]byte(`{"id":"x","init_process_pid":1,"config":{"namespaces":[{"type":"NEWPID"}],"labels":["bundle=/b"],"cgroups":{"path":"/x"}},"cgroup_paths":{"freezer":"/","":"/sys/fs/cgroup"}}`))
	f.Add([]byte(`{"id":"x","init_process_pid":999999999,"init_process_start":1,"created":"2026-11-24T12:00:00Z","config":{"version":"1.2.0","cgroups":{"path":"x","resources":{"devices":null}},"hooks":{"poststop":[{"path":"/x"}]}},"cgroup_paths":{"devices":"/sys/fs/cgroup/devices/x"}}`))
	f.Add([]byte(`{"config":{"cgroups":{"systemd":true,"name":"x","scope_prefix":"runc"}}}`))
	r := &Runtime{Root: f.TempDir()}
	dir := filepath.Join(r.Root, "x")
	if err := os.Mkdir(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, stateFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := r.load("x")
		if err != nil {
			if c != nil {
				t.Fatal("both a container and an error")
			}
			return
		}
		state, err := c.State()
		if err != nil {
			t.Fatal(err)
		}
		contained(t, state.Config.Cgroups, state.CgroupPaths)
		if s, _, err := r.state("x"); err == nil {
			if _, err := json.Marshal(s); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = c.Status()
		if list, err := r.List(); err != nil || len(list) > 1 {
			t.Fatalf("%v, %v", list, err)
		}
	})
}

// FuzzRecord: a record is read as what is written the same again, or refused; and
// one that passes its check leads to no cgroup but the container's.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"bundle":"/b","cgroup":{"path":"/x"},"cgroup_paths":{"cpu":"/sys/fs/cgroup/cpu/x"},"new_cgroup_parents":["/sys/fs/cgroup/cpu"],"poststop":[{"path":"/h","args":["h"],"timeout":1000}]}`))
	f.Add([]byte(`{"cgroup":{"path":"/"},"cgroup_paths":{"":"/"}}` + destroyingMark))
	f.Add([]byte(`{"version":2,"cgroup_paths":[]}`))
	f.Add([]byte(`{"cgroup":{"systemd":true,"name":"a.slice"},"cgroup_paths":{"":"/sys/fs/cgroup/a.slice"},"new_cgroup_parents":["/tmp"]}`))
	f.Add([]byte("null"))
	r := &Runtime{Root: f.TempDir()}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := r.recordPath("x")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		rec, err := r.openRecord("x")
		if err != nil {
			oneLine(t, err)
			if rec != nil {
				t.Fatal("both a record and an error")
			}
			return
		}
		defer rec.unlock()
		if rec.destroying != bytes.Contains(data, []byte(destroyingMark)) {
			t.Fatal("the mark is not seen")
		}
		if rec.damaged != nil && !reflect.DeepEqual(rec.recordData, recordData{}) {
			t.Fatalf("part of a damaged record: %+v", rec.recordData)
		}
		if rec.check() == nil {
			contained(t, rec.Cgroup, rec.CgroupPaths)
			for _, parent := range rec.NewParents {
				if !isAbove(parent, rec.CgroupPaths) || parent == "/" {
					t.Fatalf("%q would be removed", parent)
				}
			}
		}
		text, err := json.Marshal(rec.recordData)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		again := record{path: path}
		if err := again.read(); err != nil || again.damaged != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if second, _ := json.Marshal(again.recordData); !bytes.Equal(text, second) {
			t.Fatalf("%s\nis read as\n%s", text, second)
		}
	})
}
