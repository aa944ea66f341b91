package hooks

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"blackhole/hooks/params"
)

// Whatever is wrong is one clear line, and nothing of the service is left.
func TestUpRefuses(t *testing.T) {
	h := newHost(t)
	h.nic()
	h.run("ip route add 10.99.0.0/16 via 198.51.100.2")
	h.run("ip link add notabridge type ifb; ip link add foreign type bridge")
	first := isolated()
	first.Ports = published("8080:80/tcp", "127.0.0.1:53:53/udp")
	h.up("first", first)
	h.background(fmt.Sprintf("env %s='serve tcp 9090 host' /proc/%d/exe", doEnv, os.Getpid()))
	h.background(fmt.Sprintf("env %s='serve udp 9091 host' /proc/%d/exe", doEnv, os.Getpid()))
	h.run("for i in 1 2 3 4 5 6 7 8 9; do ss -Hnltu | grep -q 9090 && ss -Hnltu | grep -q 9091 && exit; sleep 0.1; done; exit 1")
	h.run("mkdir -p " + h.Names + " && touch " + h.Names + "/taken && mount --bind /proc/self/ns/net " + h.Names + "/taken")
	defer h.run("umount " + h.Names + "/taken; rm " + h.Names + "/taken")
	before := h.left()

	for out, change := range map[string]func(p *params.Params){
		"ingress rate of 999 bytes a second is under the 1000":              func(p *params.Params) { p.IngressRate = 999 },
		"egress rate of 1 bytes a second is under":                          func(p *params.Params) { p.EgressRate = 1 },
		"egress rate of 18446744073709551615 bytes a second is over":        func(p *params.Params) { p.EgressRate = 1<<64 - 1 },
		"ingress burst of 1513 bytes is too small for 100000":               func(p *params.Params) { p.IngressRate, p.IngressBurst = 100000, 1513 },
		"egress burst of 10000 bytes is too small for 125000000":            func(p *params.Params) { p.EgressRate, p.EgressBurst = 125e6, 10000 },
		"ingress burst of 1000000000 bytes is too large for 1000":           func(p *params.Params) { p.IngressRate, p.IngressBurst = 1000, 1e9 },
		"subnet 10.99.128.0/24 overlaps the host's route 10.99.0.0/16":      subnet("other0", "10.99.128.0/24"),
		"subnet 10.96.0.0/11 overlaps the host's route 10.99.0.0/16":        subnet("other0", "10.96.0.0/11"),
		"subnet 10.88.7.0/24 overlaps":                                      subnet("other0", "10.88.7.0/24"),
		"subnet 10.77.1.0/16 has bits set":                                  subnet("other0", "10.77.1.0/16"),
		"subnet 10.77.0.0/31 has no room":                                   subnet("other0", "10.77.0.0/31"),
		"subnet fd00::/64 is not IPv4":                                      subnet("other0", "fd00::/64"),
		"no subnet is given":                                                func(p *params.Params) { p.Bridge, p.Subnet = "other0", netip.Prefix{} },
		"bridge blackhole0 has address 10.88.0.1/16, not one of subnet":     subnet("blackhole0", "10.77.0.0/16"),
		"interface notabridge is a ifb, not a bridge":                       subnet("notabridge", "10.77.0.0/16"),
		"bridge foreign was not made by blackhole and has no address":       subnet("foreign", "10.77.0.0/16"),
		`interface name "a-name-too-long0" has 16 characters`:               subnet("a-name-too-long0", "10.77.0.0/16"),
		`"a/b" cannot be an interface's name`:                               subnet("a/b", "10.77.0.0/16"),
		"port 8080/tcp of the host is published by first already":           ports("127.0.0.1:8080:1/tcp"),
		"port 53/udp of the host is published by first already":             ports("53:1/udp"),
		"port 7/tcp of the host is published twice":                         ports("7:1/tcp", "7:2/tcp"),
		"port 9090/tcp of the host is in use":                               ports("127.0.0.1:9090:80/tcp"),
		"port 9091/udp of the host is in use":                               ports("9091:80/udp"),
		"port 80/tcp cannot be published on 203.0.113.9: not an address of": ports("203.0.113.9:80:80/tcp"),
		"interface gone0 is not on this host":                               links("gone0"),
		"interface lo is a loopback, which cannot be moved":                 links("lo"),
		"interface blackhole0 is a bridge, which cannot be moved":           links("blackhole0"),
		"interface " + hostEnd("first") + " is part of a service's own":     links(hostEnd("first")),
		"interface eth0 has the name of the service's own":                  links("eth0"),
		"interface nic0 is named twice":                                     links("nic0", "nic0"),
		"/taken is there already, and is not the service's":                 func(p *params.Params) { p.Hostname = "taken" },
		"first has the name first already":                                  func(p *params.Params) { p.Hostname = "first" },
		`"../../etc" cannot be the name of a network namespace`:             func(p *params.Params) { p.Hostname = "../../etc" },
	} {
		p := isolated()
		change(&p)
		err := oneLine(h.Up(h.process("second"), p))
		if err == nil || !strings.Contains(err.Error(), out) || !strings.HasPrefix(err.Error(), "cannot set up the network of second: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got  %v\nwant one line with %q", err, out)
		}
		if after := h.left(); after != before {
			t.Errorf("%s: left\n%s\nbefore\n%s", out, after, before)
			h.Down("second")
		}
	}
	// A failure at the last step takes everything back.
	p := everything()
	c := h.process("second")
	p.Ports = nil
	h.inside(c, "ip link add nic0 type ifb")
	if err := h.Up(c, p); err == nil || !strings.Contains(err.Error(), "cannot move interface nic0 into the container") {
		t.Errorf("an interface whose name is taken in the container: %v", err)
	}
	if after := h.left(); after != before {
		t.Errorf("left of a late failure\n%s\nbefore\n%s", after, before)
	}
	h.nicIsBack()
	if err := h.Up(h.start("second", 0), isolated()); err == nil || !strings.Contains(err.Error(), "gives it the host's network namespace") {
		t.Errorf("without a namespace of its own: %v", err)
	}
	if err := h.Up(Container{ID: "second", PID: 1 << 22}, isolated()); err == nil || !strings.Contains(err.Error(), "process 4194304 does not run") {
		t.Errorf("without a process: %v", err)
	}
	if err := h.Up(h.process("first"), isolated()); err == nil || !strings.Contains(err.Error(), "has a network under the same id") {
		t.Errorf("an id that is in use: %v", err)
	}
	if err := h.Shape("nobody", Bandwidth{IngressRate: 5000}); err == nil || err.Error() != "cannot shape the network of nobody: it has no network of its own" {
		t.Errorf("no such container: %v", err)
	}
	if err := h.Shape("first", Bandwidth{IngressRate: 5}); err == nil || !strings.Contains(err.Error(), "under the 1000") {
		t.Errorf("a rate too small: %v", err)
	}
	if after := h.left(); after != before {
		t.Errorf("left\n%s\nbefore\n%s", after, before)
	}
}

func subnet(bridge, prefix string) func(*params.Params) {
	return func(p *params.Params) { p.Bridge, p.Subnet = bridge, netip.MustParsePrefix(prefix) }
}

func ports(all ...string) func(*params.Params) {
	return func(p *params.Params) { p.Ports = published(all...) }
}

func links(all ...string) func(*params.Params) {
	return func(p *params.Params) { p.Interfaces = all }
}

func TestSubnetExhausted(t *testing.T) {
	h := newHost(t)
	small := isolated()
	small.Subnet = netip.MustParsePrefix("10.88.0.0/29") // 6 addresses, one of them the bridge's
	seen := map[netip.Addr]string{}
	for i := range 5 {
		id := fmt.Sprint("s", i)
		h.up(id, small)
		a := h.entry(id).Address
		if other, ok := seen[a]; ok || !small.Subnet.Contains(a) || a == small.Subnet.Addr() || a == netip.MustParseAddr("10.88.0.7") || a == h.entry(id).Gateway {
			t.Errorf("%s has %s, which %s has too or is not for services", id, a, other)
		}
		seen[a] = id
	}
	before := h.left()
	err := h.Up(h.process("late"), small)
	if err == nil || !strings.Contains(err.Error(), "subnet 10.88.0.0/29 has no address left of 6") {
		t.Errorf("got %v", err)
	}
	if after := h.left(); after != before {
		t.Errorf("left\n%s\nbefore\n%s", after, before)
	}
	freed := h.entry("s3").Address
	if err := h.Down("s3"); err != nil {
		t.Fatal(err)
	}
	h.up("late", small)
	if got := h.entry("late").Address; got != freed {
		t.Errorf("got %s, free is %s alone", got, freed)
	}
}

// What a hook is given as state and annotations is not trusted either.
func TestHookRefuses(t *testing.T) {
	h := newHost(t)
	c := h.process("storage")
	bundle := t.TempDir()
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), []byte(`{"annotations": {"io.blackhole.network.mode": "none"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ hook, state, out string }{
		{"prestart", `{}`, `cannot run hook "prestart": there are only createRuntime and poststop`},
		{CreateRuntime, ``, "cannot read the container's state from standard input: unexpected end of JSON input"},
		{CreateRuntime, `{"id": ""}`, "it has no id"},
		{Poststop, `[]`, "cannot read the container's state"},
		{CreateRuntime, `{"id": "x", "annotations": {"io.blackhole.network.mode": "bridged"}}`,
			`cannot set up the network of x: cannot read annotation io.blackhole.network.mode="bridged": no such network mode`},
		{CreateRuntime, `{"id": "x", "bundle": "/nonexistent"}`, "cannot set up the network of x: open /nonexistent/config.json: no such file"},
		{CreateRuntime, `{"id": "x", "pid": 0, "annotations": {"io.blackhole.network.mode": "none"}}`, "process 0 does not run"},
	} {
		err := h.Hook(row.hook, strings.NewReader(row.state))
		if err == nil || !strings.Contains(err.Error(), row.out) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s: got %v, want %q", row.hook, row.state, err, row.out)
		}
	}
	h.nothingLeft()

	// And annotations that are in the bundle alone are found there.
	state := fmt.Sprintf(`{"ociVersion": "1.0.2", "id": "storage", "pid": %d, "bundle": %q}`, c.PID, bundle)
	if err := h.Hook(CreateRuntime, strings.NewReader(state)); err != nil {
		t.Fatal(err)
	}
	h.inside(c, "ping -c1 -W1 127.0.0.1")
	if err := h.Hook(Poststop, strings.NewReader(`{"id": "storage"}`)); err != nil {
		t.Fatal(err)
	}
	h.nothingLeft()
}

// After a boot the book of the last one counts for nothing, where /run is on a
// disk that kept it.
func TestReboot(t *testing.T) {
	h := newHost(t)
	small := isolated()
	small.Subnet = netip.MustParsePrefix("10.88.0.0/30") // one service
	old := h.up("storage", small)
	book, err := os.ReadFile(filepath.Join(h.Folder, bookName))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Down("storage"); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(old.PID, syscall.SIGKILL)
	for _, folder := range []string{h.Folder, h.Names} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	boot, err := bootID()
	if err != nil {
		t.Fatal(err)
	}
	stale := strings.Replace(string(book), boot, "00000000-0000-0000-0000-000000000000", 1)
	if err := os.WriteFile(filepath.Join(h.Folder, bookName), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.Names, "storage"), nil, 0); err != nil { // nothing is mounted on it now
		t.Fatal(err)
	}
	h.up("identity", small)
	if _, err := os.Stat(filepath.Join(h.Names, "storage")); err == nil {
		t.Error("the name of the last boot's namespace is still there")
	}
	if err := h.Down("identity"); err != nil {
		t.Fatal(err)
	}
	h.nothingLeft()
}
