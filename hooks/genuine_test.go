package hooks

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sendFrame puts a frame on eth0 as it is given.
func sendFrame(text string) {
	frame, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		panic(err)
	}
	eth0, err := net.InterfaceByName("eth0")
	if err != nil {
		panic(err)
	}
	if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: eth0.Index}); err != nil {
		panic(err)
	}
}

// arpReply says that an address is at a hardware address.
func arpReply(to, from, mac []byte, address, asked netip.Addr) []byte {
	f := append(append(append([]byte{}, to...), from...), 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2)
	f = append(append(f, mac...), address.AsSlice()...)
	return append(append(f, to...), asked.AsSlice()...)
}

// advertisement is the same for IPv6, unasked and overriding.
func advertisement(to, from, mac []byte, address, source, asked netip.Addr) []byte {
	body := append([]byte{136, 0, 0, 0, 0x20, 0, 0, 0}, address.AsSlice()...)
	body = append(append(body, 2, 1), mac...)
	sum := uint32(len(body)) + unix.IPPROTO_ICMPV6
	for _, part := range [][]byte{source.AsSlice(), asked.AsSlice(), body} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[i:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(body[2:], ^uint16(sum))
	f := append(append(append([]byte{}, to...), from...), 0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(body)), unix.IPPROTO_ICMPV6, 255)
	return append(append(append(f, source.AsSlice()...), asked.AsSlice()...), body...)
}

// A service that can write any frame speaks for itself alone. Each attempt is
// made once more without the table, and succeeds.
func TestOnlyGenuineFrames(t *testing.T) {
	if !beside(t) {
		return
	}
	h := newHost(t)
	victim, neighbour, evil := h.up("victim", isolated()), h.up("neighbour", isolated()), h.up("evil", isolated())
	v, n, e := h.entry("victim"), h.entry("neighbour"), h.entry("evil")
	// By default the kernel keeps what it just learned for a second.
	for _, c := range []Container{victim, neighbour} {
		h.inside(c, "echo 0 >/proc/sys/net/ipv4/neigh/eth0/locktime")
	}
	h.run("echo 0 >/proc/sys/net/ipv4/neigh/blackhole0/locktime")
	mac := func(e *entry) []byte { return hardwareAddr(e.Address) }
	send := func(frame []byte) {
		h.inside(evil, fmt.Sprintf("env %s='frame %x' /proc/%d/exe", doEnv, frame, os.Getpid()))
		time.Sleep(20 * time.Millisecond)
	}
	knows := func(address netip.Addr, who *entry) bool { // the victim's opinion
		return strings.Contains(h.inside(victim, "ip neigh show "+address.String()), fmt.Sprintf("lladdr %s", hardwareAddr(who.Address)))
	}
	meets := func() {
		h.inside(victim, "ip neigh flush all")
		for _, to := range []netip.Addr{n.Address, n.Address6, v.Gateway} {
			if out, err := h.try(inside(victim, "ping -c 1 -W 5 "+to.String())); err != nil {
				t.Fatalf("the victim does not reach %s: %s", to, out)
			}
		}
		if !knows(n.Address, n) || !knows(n.Address6, n) {
			t.Fatal("the victim does not know its neighbour")
		}
	}
	gateway, err := net.InterfaceByName("blackhole0") // this thread's, which is the host's
	if err != nil {
		t.Fatal(err)
	}
	own6, made6 := linkLocal(mac(e)), address6(prefix6("blackhole0"), netip.MustParseAddr("10.88.77.77")).String()
	attempts := []struct {
		name   string
		try    func()
		harmed func() bool
	}{
		{"ARP for a neighbour", func() { send(arpReply(mac(v), mac(e), mac(e), n.Address, v.Address)) }, func() bool { return knows(n.Address, e) }},
		{"ARP for the host", func() { send(arpReply(mac(v), mac(e), mac(e), v.Gateway, v.Address)) }, func() bool { return knows(v.Gateway, e) }},
		{"ARP to the host", func() {
			h.run(fmt.Sprintf("ping -c 1 -W 5 %s", n.Address))
			send(arpReply(gateway.HardwareAddr, mac(e), mac(e), n.Address, v.Gateway))
		}, func() bool {
			return strings.Contains(h.run("ip neigh show "+n.Address.String()), hardwareAddr(e.Address).String())
		}},
		{"ARP with another's hardware address in it", func() {
			send(arpReply(mac(n), mac(e), mac(v), e.Address, n.Address))
			h.inside(neighbour, fmt.Sprintf("ip neigh replace %s lladdr 02:00:00:00:00:99 nud stale dev eth0", e.Address))
			send(arpReply(mac(n), mac(e), mac(v), e.Address, n.Address))
		}, func() bool {
			return strings.Contains(h.inside(neighbour, "ip neigh show "+e.Address.String()), hardwareAddr(v.Address).String())
		}},
		{"a neighbour advertisement", func() {
			send(advertisement(mac(v), mac(e), mac(e), n.Address6, e.Address6, v.Address6))
			send(advertisement(mac(v), mac(e), mac(e), n.Address6, own6, v.Address6))
		}, func() bool { return knows(n.Address6, e) }},
		{"a frame with a neighbour's hardware address", func() {
			send(arpReply(mac(v), mac(n), mac(n), n.Address, v.Address))
		}, func() bool {
			return strings.Contains(h.run("bridge fdb show br blackhole0 | grep -i "+hardwareAddr(n.Address).String()), hostEnd("evil"))
		}},
		{"another address of its own making", func() {
			h.try(inside(evil, "ip addr add 10.88.77.77/16 dev eth0; ip addr add "+made6+"/64 dev eth0 nodad"))
		}, func() bool {
			_, err := h.try(inside(evil, fmt.Sprintf("ping -c 1 -W 0.3 -I 10.88.77.77 %s", v.Address)))
			_, err6 := h.try(inside(evil, fmt.Sprintf("ping -c 1 -W 0.3 -I %s %s", made6, v.Address6)))
			return err == nil || err6 == nil
		}},
	}
	for _, a := range attempts {
		meets()
		for range 3 {
			a.try()
			if a.harmed() {
				t.Errorf("%s is taken", a.name)
			}
		}
	}
	h.inside(evil, "ip addr del 10.88.77.77/16 dev eth0; ip addr del "+made6+"/64 dev eth0")
	h.inside(evil, "ping -c 1 -W 5 "+v.Address6.String()) // what is its own goes on
	if out := h.run("nft list table bridge io.blackhole.blackhole0"); !strings.Contains(out, "policy accept") {
		t.Error(out)
	}
	h.run("nft delete table bridge io.blackhole.blackhole0")
	for _, a := range attempts {
		meets()
		harmed := false
		for i := 0; i < 100 && !harmed; i++ { // what is true may be learned again meanwhile
			a.try()
			harmed = a.harmed()
		}
		if !harmed {
			t.Errorf("%s does nothing without the rules: the test is none", a.name)
		}
	}
	for _, id := range []string{"victim", "neighbour", "evil"} {
		if err := h.Down(id); err != nil {
			t.Error(err)
		}
	}
	h.nothingLeft()
}
