package hooks

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"blackhole/hooks/params"
)

// cni starts a container in a network that somebody else made, as CNI's plugin
// ptp does: an address on either end of a veth pair.
func (h *testHost) cni(id string, number int) Container {
	h.t.Helper()
	c := h.process(id)
	h.run(fmt.Sprintf("ip link add cni%d type veth peer name eth0 netns %d; ip addr add 10.99.%d.1/24 dev cni%d; ip link set cni%d up",
		number, c.PID, number, number, number))
	h.inside(c, fmt.Sprintf("ip link set lo up; ip addr add 10.99.%d.2/24 dev eth0; ip link set eth0 up", number))
	return c
}

// joins starts a process in a container's network namespace.
func (h *testHost) joins(c Container) *exec.Cmd {
	h.t.Helper()
	cmd := exec.Command("nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", c.PID), "sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	namespace := func(pid int) string {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
		return link
	}
	for namespace(cmd.Process.Pid) != namespace(c.PID) {
		time.Sleep(time.Millisecond)
	}
	return cmd
}

func shapedTo(ingress, egress uint64) params.Params {
	return params.Params{Mode: params.Shaped, IngressRate: ingress, EgressRate: egress}
}

// untouched is what a host has of links and shaping, without what changes by
// itself.
func (h *testHost) untouched() string {
	h.t.Helper()
	return h.run(`exec 2>/dev/null; ip -br link | cut -d" " -f1 | sort; tc qdisc; for l in $(ip -br link show type veth | cut -d@ -f1); do tc filter show dev $l ingress; done`)
}

func TestOuterEndRates(t *testing.T) {
	h := newHost(t)
	c := h.cni("pod", 1)
	const rate = 10e6 / 8
	before := h.untouched()
	if err := h.Up(c, shapedTo(rate, rate/2)); err != nil {
		t.Fatal(err)
	}
	// Inside, with every capability, there is nothing to undo.
	h.inside(c, `tc qdisc del dev eth0 root 2>/dev/null; tc qdisc del dev eth0 clsact 2>/dev/null; true`)
	receives := h.iperfTo(c, "10.99.1.2", true, 5201, 3, "")
	sends := h.iperfTo(c, "10.99.1.2", false, 5202, 3, "")
	for direction, row := range map[string]struct {
		got  measured
		want float64
	}{"ingress": {receives(), rate}, "egress": {sends(), rate / 2}} {
		t.Logf("%s: %.1f %% of the rate", direction, 100*row.got.all/row.want)
		if row.got.all > 1.15*row.want || row.got.all < 0.5*row.want {
			t.Errorf("%s: %.0f bytes a second of %.0f", direction, row.got.all, row.want)
		}
	}
	s, err := h.Stats("pod")
	if err != nil || s == nil || s.RxBytes < rate || s.TxBytes < rate/2 || s.Ingress == nil || s.Egress == nil || s.Ingress.Rate != rate || s.Egress.Rate != rate/2 {
		t.Errorf("statistics: %+v %v", s, err)
	}
	// Live, off, and on again.
	for _, want := range []Bandwidth{{IngressRate: 4e6, EgressRate: 2e6}, {}, {EgressRate: 2e6}} {
		if err := h.Shape("pod", want); err != nil {
			t.Fatal(err)
		}
		s, err := h.Stats("pod")
		if err != nil || (s.Ingress != nil) != (want.IngressRate != 0) || (s.Egress != nil) != (want.EgressRate != 0) {
			t.Errorf("after a change to %+v: %+v %v", want, s, err)
		}
		if now := h.untouched(); want == (Bandwidth{}) && now != before {
			t.Errorf("left of a removed limit:\n%s\nbefore\n%s", now, before)
		}
	}
	if err := h.Down("pod"); err != nil {
		t.Fatal(err)
	}
	h.nothingLeft()
	if now := h.untouched(); now != before {
		t.Errorf("left on a link that is not ours:\n%s\nbefore\n%s", now, before)
	}
}

// Whoever made the network may have removed it before the container's deletion,
// with the pair or with the namespace.
func TestOuterEndIsGone(t *testing.T) {
	h := newHost(t)
	for name, remove := range map[string]func(Container){
		"the pair": func(Container) { h.run("ip link del cni1") },
		"the namespace": func(c Container) {
			syscall.Kill(c.PID, syscall.SIGKILL)
			h.run("while ip link show cni1; do sleep 0.01; done 2>/dev/null")
		},
	} {
		c := h.cni("pod", 1)
		if err := h.Up(c, shapedTo(1e6, 1e6)); err != nil {
			t.Fatal(err)
		}
		remove(c)
		if s, err := h.Stats("pod"); s != nil || err != nil {
			t.Errorf("%s is gone: statistics %+v %v", name, s, err)
		}
		if err := h.Shape("pod", Bandwidth{IngressRate: 5000}); err == nil || !strings.Contains(err.Error(), "cannot look up the outer end") {
			t.Errorf("%s is gone: shaped with %v", name, err)
		}
		for range 2 {
			if err := h.Down("pod"); err != nil {
				t.Errorf("%s is gone: %v", name, err)
			}
		}
		h.nothingLeft()
	}
}

func TestOuterEndRefuses(t *testing.T) {
	h := newHost(t)
	first := h.cni("first", 1)
	if err := h.Up(first, shapedTo(1e6, 1e6)); err != nil {
		t.Fatal(err)
	}
	own := h.up("own", isolated())
	pod := h.cni("pod", 2)
	far := h.cni("far", 3)
	h.run(fmt.Sprintf("ip link set cni3 netns %d", own.PID))
	other := h.process("other")
	h.inside(other, "ip link add eth0 type ifb; ip link set eth0 up")
	many := h.process("many")
	h.inside(many, "ip link add name a type veth peer name b")
	before := h.left() + h.untouched()
	same := func(c Container) Container { c.ID = "second"; return c }
	for out, row := range map[string]struct {
		c       Container
		p       params.Params
		prepare string
	}{
		"it shares the network namespace of first, whose bandwidth holds for both": {same(first), shapedTo(1e6, 1e6), ""},
		"it shares the network namespace of own, whose bandwidth":                  {same(own), shapedTo(1e6, 0), ""},
		"interface cni2 has a tbf queue of somebody else's":                        {pod, shapedTo(1e6, 0), "tc qdisc add dev cni2 root tbf rate 1mbit burst 10k limit 20k"},
		"interface cni2 has a clsact queue of somebody else's":                     {pod, shapedTo(0, 1e6), "tc qdisc add dev cni2 clsact"},
		"interface cni2 has a ingress queue of somebody else's":                    {pod, shapedTo(1e6, 1e6), "tc qdisc add dev cni2 ingress"},
		"the other end of its interface eth0 is not in the host's":                 {far, shapedTo(1e6, 1e6), ""},
		"its interface eth0 is a ifb, which has no other end":                      {other, shapedTo(1e6, 1e6), ""},
		"which of its 2 interfaces carries its bandwidth?":                         {many, shapedTo(1e6, 1e6), ""},
		"its network namespace has no interface to shape":                          {h.process("none"), shapedTo(1e6, 1e6), ""},
		"the bandwidth of the host's own network cannot be shaped":                 {h.start("host", 0), shapedTo(1e6, 1e6), ""},
		"egress rate of 999 bytes a second is under":                               {pod, shapedTo(0, 999), ""},
	} {
		if row.prepare != "" {
			h.run(row.prepare)
		}
		err := oneLine(h.Up(row.c, row.p))
		if err == nil || !strings.Contains(err.Error(), out) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got  %v\nwant one line with %q", err, out)
			h.Down(row.c.ID)
		}
		if row.prepare != "" {
			h.run(strings.Replace(strings.SplitAfter(row.prepare, "cni2")[0], "add", "del", 1) + " " + strings.Fields(row.prepare)[5])
		}
		if after := h.left() + h.untouched(); after != before {
			t.Errorf("%s: left\n%s\nbefore\n%s", out, after, before)
		}
	}
	// A direction that somebody else shapes may stay theirs.
	h.run("tc qdisc add dev cni2 root tbf rate 1mbit burst 10k limit 20k")
	if err := h.Up(pod, shapedTo(0, 1e6)); err != nil {
		t.Error(err)
	}
	if err := h.Shape("pod", Bandwidth{IngressRate: 1e6, EgressRate: 1e6}); err == nil || !strings.Contains(err.Error(), "a tbf queue of somebody else's") {
		t.Errorf("shaped beside another's: %v", err)
	}
	// And a filter that came later is left to whoever set it.
	h.run("tc filter add dev cni2 ingress protocol ip prio 7 u32 match u32 0 0 flowid 1:1")
	if err := h.Down("pod"); err != nil {
		t.Error(err)
	}
	if out := h.run("tc qdisc show dev cni2; tc filter show dev cni2 ingress"); !strings.Contains(out, "pref 7") || strings.Contains(out, "mirred") || !strings.Contains(out, "tbf") {
		t.Errorf("after Down, of what is not ours:\n%s", out)
	}
}

// gc finds what a lost book does not tell, and leaves what is in use.
func TestOuterEndLeftovers(t *testing.T) {
	h := newHost(t)
	nobody := func(string) bool { return false }
	gc := func() (what []string) {
		t.Helper()
		found, err := h.Leftovers(nobody)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range found {
			what = append(what, l.What)
			if err := l.Remove(); err != nil {
				t.Errorf("%s: %v", l.What, err)
			}
		}
		return what
	}
	lost := func() {
		if err := os.RemoveAll(h.Folder); err != nil {
			t.Fatal(err)
		}
	}
	before := h.untouched()
	c := h.cni("pod", 1)
	made := h.untouched()
	if err := h.Up(c, shapedTo(1e6, 1e6)); err != nil {
		t.Fatal(err)
	}
	if found := gc(); len(found) != 0 {
		t.Errorf("gc takes %v while the container runs", found)
	}
	lost()
	if found := gc(); len(found) != 0 {
		t.Errorf("gc takes %v while the container runs, without the book", found)
	}
	// Down finds it by its id alone, and takes the redirection too.
	if err := h.Down("pod"); err != nil {
		t.Fatal(err)
	}
	if now := h.untouched(); now != made {
		t.Errorf("after Down without the book\n%s\nbefore\n%s", now, made)
	}
	if err := h.Up(c, shapedTo(1e6, 1e6)); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(c.PID, syscall.SIGKILL)
	h.run("while ip link show cni1; do sleep 0.01; done 2>/dev/null")
	lost()
	if found := gc(); len(found) != 1 || found[0] != "interface "+ifbName("pod") {
		t.Errorf("gc takes %v of a dead container, want its ifb", found)
	}
	h.nothingLeft()

	// With the book.
	c = h.cni("pod", 1)
	if err := h.Up(c, shapedTo(1e6, 1e6)); err != nil {
		t.Fatal(err)
	}
	other := h.joins(c) // as the other containers of a pod do
	syscall.Kill(c.PID, syscall.SIGKILL)
	for startTime(c.PID) != 0 {
	}
	if found := gc(); len(found) != 0 {
		t.Errorf("gc takes %v while a container is in the namespace", found)
	}
	other.Process.Kill()
	h.run("while ip link show cni1; do sleep 0.01; done 2>/dev/null")
	if found := gc(); len(found) != 1 || found[0] != "network of pod" {
		t.Errorf("gc takes %v of a dead container", found)
	}
	h.nothingLeft()
	if now := h.untouched(); now != before {
		t.Errorf("left\n%s\nbefore\n%s", now, before)
	}
}

// Whatever step a hook is killed at, Down and another Up find all that it left.
func TestOuterEndKilled(t *testing.T) {
	if !beside(t) {
		return
	}
	h := newHost(t)
	c := h.cni("pod", 1)
	p := shapedTo(1e6, 1e6)
	before := h.untouched()
	for _, again := range []bool{false, true} {
		for _, down := range []bool{false, true} {
			steps := 1
			for ; ; steps++ {
				if down {
					if err := h.Up(c, p); err != nil {
						t.Fatal(err)
					}
				}
				if !h.killed(c, p, down, steps) {
					break
				}
				if again {
					if err := h.Up(c, p); err != nil {
						t.Errorf("Up after a kill at step %d: %v", steps, err)
					}
				}
				if err := h.Down("pod"); err != nil {
					t.Errorf("Down after a kill at step %d: %v", steps, err)
				}
				h.nothingLeft()
				if now := h.untouched(); now != before {
					t.Errorf("killed at step %d: left\n%s\nbefore\n%s", steps, now, before)
				}
			}
			if err := h.Down("pod"); err != nil {
				t.Error(err)
			}
			if steps < 4 {
				t.Errorf("only %d steps, so little is tested", steps)
			}
		}
	}
}
