package runtime

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestDifference: what is new is set, what is gone is lifted, what is the same is
// left alone.
func TestDifference(t *testing.T) {
	const checked = `,"checkBeforeUpdate":true`
	for _, row := range []struct{ from, to, want string }{
		{`{}`, `{}`, `{}`},
		{`{"memory":{"limit":5},"pids":{"limit":3}}`, `{"memory":{"limit":5},"pids":{"limit":3}}`, `{}`},
		{`{"memory":{"limit":5}}`, `{"memory":{"limit":6}}`, `{"memory":{"limit":6` + checked + `}}`},
		{`{"memory":{"limit":5,"swap":9}}`, `{}`, `{"memory":{"limit":-1,"swap":-1` + checked + `}}`},
		// The limit too, which swap is counted on top of.
		{`{"memory":{"limit":5,"swap":9}}`, `{"memory":{"limit":5,"swap":7}}`, `{"memory":{"limit":5,"swap":7` + checked + `}}`},
		// v1's soft limit, and v2's memory.low, of which -1 would be all.
		{`{"memory":{"reservation":5}}`, `{}`, `{"memory":{"reservation":-1` + checked + `}}`},
		{`{"memory":{"reservation":5},"unified":{}}`, `{"unified":{}}`, `{"memory":{"checkBeforeUpdate":true},"unified":{"memory.low":"0"}}`},
		{`{"cpu":{"quota":5,"period":7,"burst":2,"shares":512}}`, `{}`, `{"cpu":{"shares":1024,"quota":-1,"burst":0,"period":100000}}`},
		{`{"cpu":{"quota":5,"period":7}}`, `{"cpu":{"quota":6,"period":7}}`, `{"cpu":{"quota":6,"period":7}}`},
		{`{"pids":{"limit":3}}`, `{}`, `{"pids":{"limit":-1}}`},
		{
			`{"unified":{"memory.high":"5","memory.oom.group":"1","cpu.weight":"50"}}`, `{"unified":{"cpu.weight":"70"}}`,
			`{"unified":{"cpu.weight":"70","memory.high":"max","memory.oom.group":"0"}}`,
		},
		// Said by memory.swap now.
		{
			`{"unified":{"memory.swap.max":"5"}}`, `{"memory":{"limit":5,"swap":9},"unified":{}}`,
			`{"memory":{"limit":5,"swap":9` + checked + `}}`,
		},
		{
			`{"blockIO":{"weight":50,"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":5},{"major":8,"minor":16,"rate":5}]}}`,
			`{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":16,"rate":6}]}}`,
			`{"blockIO":{"weight":100,"throttleReadBpsDevice":[{"major":8,"minor":16,"rate":6},{"major":8,"minor":0,"rate":0}]}}`,
		},
	} {
		var from, to specs.LinuxResources
		for text, into := range map[string]*specs.LinuxResources{row.from: &from, row.to: &to} {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				t.Fatal(err)
			}
		}
		if row.from == row.to {
			to = from
		}
		u := Difference(&from, &to)
		got, err := json.Marshal(u.Resources)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != row.want {
			t.Errorf("%s to %s:\ngot  %s\nwant %s", row.from, row.to, got, row.want)
		}
		if u.Empty() != (row.want == "{}") {
			t.Errorf("%s to %s: Empty is %v", row.from, row.to, u.Empty())
		}
	}
	cpus := Difference(&specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0"}}, nil)
	if !cpus.AllCPUs || cpus.Empty() {
		t.Errorf("the list of CPUs is not lifted: %+v", cpus)
	}
}

// TestFixed: limits that an update changes do not count, all others do.
func TestFixed(t *testing.T) {
	yes, n := true, int64(5)
	live := &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &n, Swap: &n, Reservation: &n}, CPU: &specs.LinuxCPU{Cpus: "0"},
		Pids: &specs.LinuxPids{Limit: &n}, BlockIO: &specs.LinuxBlockIO{}, Unified: map[string]string{"memory.high": "1"},
	}
	for _, row := range []struct {
		r    *specs.LinuxResources
		want string
	}{
		{nil, `{}`},
		{live, `{}`},
		{&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: &n, DisableOOMKiller: &yes}}, `{"memory":{"disableOOMKiller":true}}`},
		{&specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}, `{"devices":[{"allow":false,"access":"rwm"}]}`},
	} {
		got, err := json.Marshal(Fixed(row.r))
		if err != nil || string(got) != row.want {
			t.Errorf("got %s (%v), want %s", got, err, row.want)
		}
	}
	if live.Memory.Limit == nil {
		t.Error("what was asked about was changed")
	}
}
