package spec

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// poor is a host that has nothing and may do nothing.
type poor struct{}

var errPoor = errors.New("poor")

func (poor) CgroupVersion(string) int             { return 1 }
func (poor) Controllers(string) ([]string, error) { return nil, errPoor }
func (poor) CPUs() ([]int, error)                 { return nil, errPoor }
func (poor) User(_, _, _ string) (User, error)    { return User{}, errPoor }
func (poor) Disks(string) ([]Disk, error)         { return nil, errPoor }
func (poor) Stat(string) (File, error)            { return File{}, fs.ErrNotExist }
func (poor) HardLimit(string) (uint64, error)     { return 0, errPoor }
func (poor) HasCapability(string) bool            { return false }
func (poor) OOMScoreAdj() int                     { return 0 }
func (poor) CgroupFile(string, string) bool       { return false }

// TestWilling: what a poor host refuses is translated on a willing one.
func TestWilling(t *testing.T) {
	c, err := Parse(Source{"a.yaml", []byte(`
resource_isolation: {cgroup: {version: 2}}
services:
  a:
    executable: /opt/a/run
    working_dir: /srv/a
    filesystem: {read_only: [/etc/a]}
    resources: {fds: {soft: 5, hard: 100000}, io: {device: /srv, read_bps: 1M}, memory: {limit: 1G, swap: 1G}}
    security: {user: www, capabilities: [CAP_SYS_ADMIN]}
    oom_score_adj: -900
  r: {executable: /bin/r}
`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Translate(c, "a", poor{}, Options{}); err == nil {
		t.Fatal("a poor host takes it")
	}
	for service, uid := range map[string]uint32{"a": 65534, "r": 0} {
		h, err := Willing(poor{}, c, service)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Translate(c, service, h, Options{})
		if err != nil {
			t.Errorf("%s: %v", service, err)
			continue
		}
		if len(got.Warnings) > 0 || got.Config.Process.User.UID != uid {
			t.Errorf("%s: user %d, warnings %s", service, got.Config.Process.User.UID, strings.Join(got.Warnings, "; "))
		}
	}
	if _, err := Willing(poor{}, c, "b"); err == nil {
		t.Error("a service that is not there")
	}
}
