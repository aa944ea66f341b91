package stats

import (
	"encoding/json"
	"path/filepath"
	"testing"
)

func TestLimits(t *testing.T) {
	v2 := tree(t, `== cpu.max
75000 50000
== io.max
254:0 rbps=1048576 wbps=max riops=max wiops=120
8:16 rbps=max wbps=2000 riops=3 wiops=max
`)
	none := tree(t, "== cpu.max\nmax 100000\n== io.max\n")
	v1 := tree(t, `== cpu/cpu.cfs_quota_us
20000
== cpu/cpu.cfs_period_us
100000
== blkio/blkio.throttle.read_bps_device
254:0 1048576
== blkio/blkio.throttle.write_bps_device
8:16 2000
== blkio/blkio.throttle.read_iops_device
8:16 3
== blkio/blkio.throttle.write_iops_device
254:0 120
`)
	unlimited := tree(t, "== cpu/cpu.cfs_quota_us\n-1\n== cpu/cpu.cfs_period_us\n100000\n")
	disks := `"Devices":[` +
		`{"Name":"","Major":8,"Minor":16,"ReadBytes":null,"WriteBytes":2000,"ReadIOs":3,"WriteIOs":null},` +
		`{"Name":"","Major":254,"Minor":0,"ReadBytes":1048576,"WriteBytes":null,"ReadIOs":null,"WriteIOs":120}]}`
	disksInOrder := `"Devices":[` +
		`{"Name":"","Major":254,"Minor":0,"ReadBytes":1048576,"WriteBytes":null,"ReadIOs":null,"WriteIOs":120},` +
		`{"Name":"","Major":8,"Minor":16,"ReadBytes":null,"WriteBytes":2000,"ReadIOs":3,"WriteIOs":null}]}`
	for name, row := range map[string]struct {
		cgroups map[string]string
		want    string
	}{
		"v2":           {map[string]string{"": v2}, `{"CPUCores":1.5,` + disksInOrder},
		"v2, none":     {map[string]string{"": none}, `{"CPUCores":null,"Devices":null}`},
		"v2, no files": {map[string]string{"": t.TempDir()}, `{"CPUCores":null,"Devices":null}`},
		"v1":           {map[string]string{"cpu": filepath.Join(v1, "cpu"), "blkio": filepath.Join(v1, "blkio")}, `{"CPUCores":0.2,` + disks},
		"v1, none":     {map[string]string{"cpu": filepath.Join(unlimited, "cpu"), "": t.TempDir()}, `{"CPUCores":null,"Devices":null}`},
	} {
		l, err := ReadLimits(Source{Cgroups: row.cgroups, Sys: t.TempDir()})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, _ := json.Marshal(l); string(got) != row.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, row.want)
		}
	}
	bad := tree(t, "== io.max\n8:0 rbps=fast\n")
	if _, err := ReadLimits(Source{Cgroups: map[string]string{"": bad}}); err == nil {
		t.Error("a limit that is no number was read")
	}
}
