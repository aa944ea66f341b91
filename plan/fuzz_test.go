package plan

import (
	"strings"
	"testing"
)

// FuzzParseHost: a host's description is refused in one line, or has nothing in it
// that was not said; and adding up against it ends.
func FuzzParseHost(f *testing.F) {
	for _, text := range []string{"cpus=8,memory=32G", "this,vda.read_bps=500M", "cpus=0-3,network=10gbit,pids=1", "a.b.write_iops=1,fds=9,swap=0", "cpus=-1", "read_bps=x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHost(text, func() (Host, error) { return Host{Name: "here"}, nil })
		if err != nil {
			if len(err.Error()) > 1000+4*len(text) {
				t.Fatalf("too long: %q", err)
			}
			return
		}
		if h.Memory != nil && !strings.Contains(text, "memory=") || h.CPUs != nil && !strings.Contains(text, "cpus=") || len(h.Disks) > strings.Count(text, "=") {
			t.Fatalf("%q is %+v", text, h)
		}
		if len(h.CPUs) > 1<<16 {
			t.Fatalf("%d CPUs", len(h.CPUs))
		}
	})
}
