package hooks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"blackhole/hooks/params"
)

func (h *testHost) hostsOf(c Container) string {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.Bundle, params.HostsFile))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(data)
}

func TestModeNone(t *testing.T) {
	h := newHost(t)
	h.nic()
	c := h.up("quiet", params.Params{Mode: params.None, Hostname: "silent", Interfaces: []string{"nic0"}})
	h.inside(c, "ping -c1 -W1 127.0.0.1")
	if out := h.run("nsenter --net=" + h.Names + "/silent ip -br link"); strings.Contains(out, "eth0") {
		t.Errorf("mode none has an interface:\n%s", out)
	}
	// The host's interface is there as it was, and works; the host has it no more.
	if out := h.inside(c, "ip -br addr show dev nic0 up"); !strings.Contains(out, "198.51.100.1/24") || !strings.Contains(out, "fd98::1/64") {
		t.Errorf("moved in: %s", out)
	}
	h.inside(c, "ping -c1 -W2 198.51.100.2")
	if out, err := h.try("ip link show nic0"); err == nil {
		t.Errorf("the host still has it: %s", out)
	}
	err := h.Up(h.process("other"), params.Params{Mode: params.None, Interfaces: []string{"nic0"}})
	if err == nil || !strings.Contains(err.Error(), "interface nic0 is in quiet already") {
		t.Errorf("moved twice: %v", err)
	}
	syscall.Kill(c.PID, syscall.SIGKILL) // as at poststop: nothing but its name holds the namespace
	if err := h.Down("quiet"); err != nil {
		t.Fatal(err)
	}
	h.nicIsBack()
	h.nothingLeft()
}

func TestModesWithoutNetwork(t *testing.T) {
	h := newHost(t)
	c := h.process("x")
	before := h.run("ip -d link; ip addr; nft list ruleset")
	for _, p := range []params.Params{{Mode: params.Host}, {Mode: params.Joined}} {
		if err := h.Up(c, p); err != nil {
			t.Errorf("mode %s: %v", p.Mode, err)
		}
		if after := h.run("ip -d link; ip addr; nft list ruleset"); after != before {
			t.Errorf("mode %s changes the host:\n%s", p.Mode, after)
		}
		if out := h.inside(c, "ip -br link show up"); out != "" {
			t.Errorf("mode %s changes the container: %s", p.Mode, out)
		}
		if s, err := h.Stats("x"); s != nil || err != nil {
			t.Errorf("mode %s has statistics: %v %v", p.Mode, s, err)
		}
		if err := h.Down("x"); err != nil {
			t.Errorf("mode %s: %v", p.Mode, err)
		}
		h.nothingLeft()
	}
}

// join starts a container in another's network namespace and brings it up there.
func (h *testHost) join(id string, other Container) Container {
	h.t.Helper()
	joined := h.start(id, 0)
	h.run(fmt.Sprintf("kill %d", joined.PID))
	h.background(inside(other, "exec sleep 1000"))
	joined.PID = other.PID
	if err := h.Up(joined, params.Params{Mode: params.Joined}); err != nil {
		h.t.Fatal(err)
	}
	return joined
}

// The names of services follow them as they come and go, in each bundle's file
// without another taking its place.
func TestHostsFiles(t *testing.T) {
	h := newHost(t)
	web := h.up("web", isolated())
	file := filepath.Join(web.Bundle, params.HostsFile)
	first, err := os.Open(file) // kept open: its inode is not used again
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	alone := h.hostsOf(web)

	named := isolated()
	named.Hostname = "database"
	db := h.up("db", named)
	if now := h.hostsOf(web); !strings.Contains(now, "\tdatabase\n") {
		t.Errorf("web was not told of the database:\n%s", now)
	}
	far := isolated()
	far.Bridge, _ = "other0", subnet("other0", "10.77.0.0/24")
	subnet("other0", "10.77.0.0/24")(&far)
	h.up("far", far)
	hostly := h.start("hostly", 0)
	if err := h.Up(hostly, params.Params{Mode: params.Host}); err != nil {
		t.Fatal(err)
	}
	// One that joined web's namespace is where web is.
	joined := h.join("sidecar", web)

	line := func(address any, name string) string { return fmt.Sprintf("\n%s\t%s\n", address, name) }
	for name, row := range map[string]struct {
		in          string
		holds, lack []string
	}{
		"web": {h.hostsOf(web), []string{
			"127.0.0.1\tlocalhost\n", line(h.entry("web").Address, "web"), line(h.entry("web").Address6, "web"),
			line(h.entry("db").Address, "database"), line(h.entry("db").Gateway, "hostly"), line(h.entry("web").Address, "sidecar"),
		}, []string{"far", "db\n"}},
		"the database": {h.hostsOf(db), []string{line(h.entry("web").Address, "web")}, []string{"far"}},
		"hostly":       {h.hostsOf(hostly), []string{line(h.entry("web").Address, "web"), line(h.entry("far").Address, "far"), line("127.0.0.1", "hostly")}, nil},
		"sidecar":      {h.hostsOf(joined), []string{line(h.entry("db").Address, "database"), line(h.entry("web").Address, "web")}, []string{"far"}},
	} {
		text := "\n" + strings.ReplaceAll(row.in, "\n", "\n\n") // so that lines next to each other both match
		for _, want := range row.holds {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q:\n%s", name, want, row.in)
			}
		}
		for _, not := range row.lack {
			if strings.Contains(row.in, not) {
				t.Errorf("%s has %q:\n%s", name, not, row.in)
			}
		}
	}
	for _, id := range []string{"sidecar", "far", "hostly", "db"} {
		if err := h.Down(id); err != nil {
			t.Fatal(err)
		}
	}
	if now := h.hostsOf(web); now != alone {
		t.Errorf("alone again:\n%q\nwant\n%q", now, alone)
	}
	before, _ := first.Stat()
	if last, _ := os.Stat(file); !os.SameFile(before, last) {
		t.Error("another file took the place of the first, which the container sees")
	}
}

// A name that somebody gave to another namespace meanwhile is theirs.
func TestNameOfAnother(t *testing.T) {
	h := newHost(t)
	h.up("storage", isolated())
	path := h.Names + "/storage"
	h.run("umount " + path + " && mount --bind /proc/self/ns/net " + path)
	defer h.run("umount " + path + "; rm -f " + path)
	if err := h.Down("storage"); err != nil {
		t.Fatal(err)
	}
	if !isNamespace(path) {
		t.Error("the name of another namespace is gone")
	}
}

// gc finds what is left by the kernel's own marks when the book is lost, and
// leaves alone what runs, is known, or is not ours.
func TestLeftovers(t *testing.T) {
	h := newHost(t)
	h.run("ip link add bhvaaaaaaaaaaaa type ifb; ip link add br9 type bridge; nft add table inet blackhole; ip link add dev d9 group 77 type ifb")
	others := func() string { return h.run("ip -br link | cut -d' ' -f1; nft list tables") }
	before := others()
	shaped := isolated()
	shaped.IngressRate, shaped.EgressRate = 1e6, 1e6
	shaped.Ports = published("8080:80/tcp")
	nobody := func(string) bool { return false }

	dead := h.up("dead", shaped)
	live := h.up("live", isolated())
	h.up("stopped", isolated())
	kill := func(pid int) {
		syscall.Kill(pid, syscall.SIGKILL)
		for startTime(pid) != 0 {
			time.Sleep(time.Millisecond)
		}
	}
	kill(dead.PID)
	kill(h.entry("stopped").PID)
	found, err := h.Leftovers(func(id string) bool { return id == "stopped" })
	if err != nil || len(found) != 1 || found[0].ID != "dead" || found[0].What != "network of dead" {
		t.Fatalf("found %v %v, want the network of dead", found, err)
	}
	if err := found[0].Remove(); err != nil {
		t.Fatal(err)
	}
	h.inside(live, "ping -c1 -W2 "+h.entry("live").Gateway.String())
	h.entry("stopped")

	// A process that joined the namespace goes on in it.
	h.background(inside(live, "exec sleep 1000"))
	time.Sleep(100 * time.Millisecond)
	kill(live.PID)
	if found, err := h.Leftovers(func(id string) bool { return id == "stopped" }); err != nil || len(found) != 0 {
		t.Errorf("found %v %v in a namespace that is in use", found, err)
	}

	// The book is gone. What runs goes on all the same.
	h.up("running", shaped)
	if err := os.RemoveAll(h.Folder); err != nil {
		t.Fatal(err)
	}
	found, err = h.Leftovers(nobody)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range found {
		if err := l.Remove(); err != nil {
			t.Errorf("%s: %v", l.What, err)
		}
	}
	for _, id := range []string{"running", "live"} {
		if _, err := h.try("ip link show " + hostEnd(id)); err != nil {
			t.Errorf("the network of %s is gone while a process is in it", id)
		}
		if err := h.Down(id); err != nil {
			t.Fatal(err)
		}
	}
	if found, err = h.Leftovers(nobody); err != nil || len(found) != 1 {
		t.Errorf("found %v %v, want the bridge", found, err)
	}
	for _, l := range found {
		if err := l.Remove(); err != nil {
			t.Errorf("%s: %v", l.What, err)
		}
	}
	if after := others(); after != before {
		t.Errorf("gc leaves or takes too much:\n%s\nbefore\n%s", after, before)
	}
	if names, _ := os.ReadDir(h.Names); len(names) != 0 {
		t.Errorf("names left: %v", names)
	}
}

// A namespace's number is soon another's. A dead container whose Down was cut
// short is not taken for alive because a process is in one of the same number.
func TestLeftoversOfAReusedNumber(t *testing.T) {
	h := newHost(t)
	dead := h.up("dead", isolated())
	other := h.process("other")
	h.run(fmt.Sprintf("kill -KILL %d; ip link del %s; umount %s/dead; rm %s/dead", dead.PID, hostEnd("dead"), h.Names, h.Names))
	for startTime(dead.PID) != 0 {
		time.Sleep(time.Millisecond)
	}
	namespace, err := openNamespace(fmt.Sprintf("/proc/%d/ns/net", other.PID))
	if err != nil {
		t.Fatal(err)
	}
	defer namespace.Close()
	b, err := h.open(true)
	if err != nil {
		t.Fatal(err)
	}
	if b.Containers["dead"].Namespace, err = identify(namespace); err != nil {
		t.Fatal(err)
	}
	err = b.save()
	b.close()
	if err != nil {
		t.Fatal(err)
	}
	found, err := h.Leftovers(func(string) bool { return false })
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v %v, want the network of dead", found, err)
	}
	if err := found[0].Remove(); err != nil {
		t.Fatal(err)
	}
	h.nothingLeft()
}

// One with no way out knows those in its own namespace, as they come and go.
func TestHostsFilesWithoutNetwork(t *testing.T) {
	h := newHost(t)
	base := h.up("base", params.Params{Mode: params.None})
	alone := h.hostsOf(base)
	if !strings.Contains(alone, "127.0.0.1\tbase\n") {
		t.Errorf("it does not know itself:\n%s", alone)
	}
	h.up("other", isolated())
	if now := h.hostsOf(base); now != alone {
		t.Errorf("it knows somebody whom it cannot reach:\n%s", now)
	}
	beside := h.join("beside", base)
	for _, c := range []Container{base, beside} {
		if now := h.hostsOf(c); !strings.Contains(now, "127.0.0.1\tbase\n") || !strings.Contains(now, "127.0.0.1\tbeside\n") || strings.Contains(now, "other") {
			t.Errorf("%s:\n%s", c.ID, now)
		}
	}
	if err := h.Down("beside"); err != nil {
		t.Fatal(err)
	}
	if now := h.hostsOf(base); now != alone {
		t.Errorf("alone again:\n%q\nwant\n%q", now, alone)
	}
	for _, id := range []string{"other", "base"} {
		if err := h.Down(id); err != nil {
			t.Fatal(err)
		}
	}
	h.nothingLeft()
}
