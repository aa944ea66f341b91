package hooks

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// outside gives the host an uplink, 192.0.2.1, to another host at 192.0.2.9
// (RFC 5737, and fd99:: besides), and returns that host as a container is.
func (h *testHost) outside() Container {
	h.t.Helper()
	c := h.process("outside")
	h.run(fmt.Sprintf("ip link add up0 type veth peer name up1 netns %d", c.PID))
	h.run("ip addr add 192.0.2.1/24 dev up0; ip addr add fd99::1/64 dev up0 nodad; ip link set up0 up")
	h.inside(c, "ip addr add 192.0.2.9/24 dev up1; ip addr add fd99::9/64 dev up1 nodad; ip link set up1 up; ip link set lo up")
	return c
}

// serve answers each connection (or datagram) to a container's port with its
// id and the address that it sees as its client.
func (h *testHost) serve(c Container, protocol string, port int) {
	h.t.Helper()
	h.background(inside(c, fmt.Sprintf("exec env %s='serve %s %d %s' /proc/%d/exe", doEnv, protocol, port, c.ID, os.Getpid())))
	for range 200 {
		if out := h.inside(c, fmt.Sprintf("ss -Hnl%s sport = %d", protocol[:1], port)); out != "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	h.t.Fatalf("%s does not listen on %d", c.ID, port)
}

// ask is a command that sends something to an address and prints the answer.
func ask(protocol, address string) string {
	return fmt.Sprintf("env %s='ask %s %s' /proc/%d/exe", doEnv, protocol, address, os.Getpid())
}

// do is the other side of serve and ask, in a process of its own.
func do(words []string) {
	switch words[0] {
	case "frame":
		sendFrame(words[1])
	case "serve":
		if words[1] == "udp" {
			conn, err := net.ListenPacket("udp", ":"+words[2])
			for err == nil {
				var from net.Addr
				if _, from, err = conn.ReadFrom(make([]byte, 100)); err == nil {
					conn.WriteTo([]byte(words[3]+" "+from.String()), from)
				}
			}
			return
		}
		l, err := net.Listen("tcp", ":"+words[2])
		for err == nil {
			var conn net.Conn
			if conn, err = l.Accept(); err == nil {
				fmt.Fprint(conn, words[3], " ", conn.RemoteAddr())
				conn.Close()
			}
		}
	case "ask":
		conn, err := net.DialTimeout(words[1], words[2], time.Second)
		if err != nil {
			fmt.Println(err)
			return
		}
		conn.SetDeadline(time.Now().Add(time.Second))
		if words[1] == "udp" {
			conn.Write([]byte("hello"))
		}
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		if err != nil {
			fmt.Println(err)
			return
		}
		id, client, _ := strings.Cut(string(answer[:n]), " ")
		ap, _ := netip.ParseAddrPort(client)
		fmt.Println(id, ap.Addr().Unmap())
	}
}

func TestPublishedPorts(t *testing.T) {
	if !beside(t) {
		return
	}
	h := newHost(t)
	out := h.outside()
	p := isolated()
	p.Ports = published("8080:80/tcp", "5353:53/udp", "192.0.2.1:81:80/tcp", "127.0.0.1:82:80/tcp")
	web := h.up("web", p)
	other := h.up("other", isolated())
	for port, protocol := range map[int]string{80: "tcp", 53: "udp"} {
		h.serve(web, protocol, port)
	}
	gateway6 := address6(prefix6("blackhole0"), h.entry("web").Gateway).String()
	gateway, own := h.entry("web").Gateway.String(), h.entry("web").Address.String()
	otherOwn := h.entry("other").Address.String()

	for name, row := range map[string]struct {
		from     *Container // nil: the host itself
		protocol string
		to       string
		see      string // what web sees as its client; empty: no answer
	}{
		"loopback":                       {nil, "tcp", "127.0.0.1:8080", gateway},
		"loopback, udp":                  {nil, "udp", "127.0.0.1:5353", gateway},
		"another loopback address":       {nil, "tcp", "127.1.2.3:8080", gateway},
		"the host's address":             {nil, "tcp", "192.0.2.1:8080", gateway},
		"the host's address, udp":        {nil, "udp", "192.0.2.1:5353", gateway},
		"the service's own address":      {nil, "tcp", own + ":80", gateway},
		"from outside":                   {&out, "tcp", "192.0.2.1:8080", "192.0.2.9"},
		"from outside, udp":              {&out, "udp", "192.0.2.1:5353", "192.0.2.9"},
		"one address":                    {nil, "tcp", "192.0.2.1:81", gateway},
		"one address, from outside":      {&out, "tcp", "192.0.2.1:81", "192.0.2.9"},
		"one address, by another":        {nil, "tcp", "127.0.0.1:81", ""},
		"loopback alone":                 {nil, "tcp", "127.0.0.1:82", gateway},
		"loopback alone, from outside":   {&out, "tcp", "192.0.2.1:82", ""},
		"another service, by the host":   {&other, "tcp", "192.0.2.1:8080", gateway},
		"another service, by the bridge": {&other, "tcp", gateway + ":8080", gateway},
		"another service, directly":      {&other, "tcp", own + ":80", otherOwn},
		"the service itself":             {&web, "tcp", "192.0.2.1:8080", gateway},
		"IPv6, the host's address":       {nil, "tcp", "[fd99::1]:8080", gateway6},
		"IPv6, directly":                 {nil, "tcp", "[" + h.entry("web").Address6.String() + "]:80", gateway6},
		"IPv6, loopback":                 {nil, "tcp", "[::1]:8080", ""},
	} {
		command := ask(row.protocol, row.to)
		if row.from != nil {
			command = inside(*row.from, command)
		}
		got, _ := h.try(command)
		got = strings.TrimSpace(got)
		if row.see == "" && !strings.HasPrefix(got, "dial") || row.see != "" && got != "web "+row.see {
			t.Errorf("%s: %s answers %q, want web that sees %q", name, row.to, got, row.see)
		}
	}
	if got := h.run(ask("tcp", "[::1]:8080")); !strings.Contains(got, "refused") {
		t.Errorf("the port on ::1: %s, want it refused at once", got)
	}
	if err := h.Down("web"); err != nil {
		t.Fatal(err)
	}
	if got := h.run(ask("tcp", "127.0.0.1:8080")); !strings.Contains(got, "refused") {
		t.Errorf("its port after Down: %s", got)
	}
	if rules := h.run("nft list ruleset"); strings.Contains(rules, "web") || !strings.Contains(rules, "other") {
		t.Errorf("after Down of web, but not of other:\n%s", rules)
	}
}

// background runs a command on the host until the test ends.
func (h *testHost) background(command string) {
	h.t.Helper()
	start(h.t, command)
}

func TestMasqueradeAndIsolation(t *testing.T) {
	if !beside(t) {
		return
	}
	h := newHost(t)
	out := h.outside()
	h.serve(out, "tcp", 7)
	routed := isolated()
	routed.Masquerade = false
	web, plain := h.up("web", isolated()), h.up("plain", routed)
	h.serve(web, "tcp", 80)
	h.serve(plain, "tcp", 80)
	h.background(fmt.Sprintf("env %s='serve tcp 22 host' /proc/%d/exe", doEnv, os.Getpid()))

	if got := h.inside(web, ask("tcp", "192.0.2.9:7")); strings.TrimSpace(got) != "outside 192.0.2.1" {
		t.Errorf("out of a masqueraded service: %q, want outside to see the host", got)
	}
	if got := h.inside(plain, ask("tcp", "192.0.2.9:7")); !strings.Contains(got, "timeout") {
		t.Errorf("out of a service without masquerade, to a host with no route back: %q", got)
	}
	// The outside host takes this host for a router into the subnet.
	h.inside(out, "ip route add 10.88.0.0/16 via 192.0.2.1; ip route add default via fd99::1")
	if got := h.inside(out, ask("tcp", h.entry("web").Address.String()+":80")); !strings.Contains(got, "timeout") {
		t.Errorf("a port that is not published, from outside: %q", got)
	}
	if got := h.inside(out, ask("tcp", h.entry("plain").Address.String()+":80")); strings.TrimSpace(got) != "plain 192.0.2.9" {
		t.Errorf("a service that is routed, from outside: %q", got)
	}
	// Nor does the open route to 127.0.0.0/8 let services at the host's loopback.
	h.inside(web, "ip route add 127.5.0.0/16 via "+h.entry("web").Gateway.String()+"; echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet; ip addr del 127.0.0.1/8 dev lo")
	if got := h.inside(web, ask("tcp", "127.5.0.1:22")); !strings.Contains(got, "timeout") {
		t.Errorf("the host's loopback, from a service: %q", got)
	}
}

// Somebody restarts the host's firewall, which begins with "flush ruleset".
func TestFlushedRules(t *testing.T) {
	h := newHost(t)
	p := isolated()
	p.Ports = published("8080:80/tcp")
	web := h.up("web", p)
	h.serve(web, "tcp", 80)
	h.run("nft flush ruleset")
	h.up("other", isolated())
	if got := h.run(ask("tcp", "127.0.0.1:8080")); !strings.HasPrefix(got, "web ") {
		t.Errorf("the port after a flush and another service's start: %q", got)
	}
	h.run("nft flush ruleset")
	for _, id := range []string{"web", "other"} {
		if err := h.Down(id); err != nil {
			t.Error(err)
		}
	}
	h.nothingLeft()
}

// A client that sends before the port is published reaches it afterwards.
func TestEarlierConversation(t *testing.T) {
	h := newHost(t)
	out := h.outside()
	knock := "for i in 1 2 3; do " + "echo x | socat -u - UDP4-SENDTO:192.0.2.1:5353,bind=192.0.2.9:999; done"
	h.run("nft add table ip watch; nft add chain ip watch c '{type filter hook prerouting priority 0;}'; nft add rule ip watch c ct state new accept") // or nothing tracks connections yet
	h.inside(out, knock)
	p := isolated()
	p.Ports = published("5353:53/udp")
	web := h.up("web", p)
	h.background(inside(web, "exec socat -u UDP4-RECVFROM:53,fork OPEN:"+web.Bundle+"/got,creat,append"))
	time.Sleep(200 * time.Millisecond)
	h.inside(out, knock)
	time.Sleep(200 * time.Millisecond)
	if got, _ := os.ReadFile(web.Bundle + "/got"); !strings.Contains(string(got), "x") {
		t.Error("what an earlier client sends does not arrive")
	}
}
