package hooks

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"blackhole/internal/cleanup"
)

// loopbackUp starts the loopback of a new namespace; the kernel gives it its
// addresses.
//
//	ip link set lo up
func loopbackUp(inside *netlink.Handle) error {
	lo, err := inside.LinkByName("lo")
	if err == nil {
		err = inside.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("cannot start the loopback interface: %w", err)
	}
	return nil
}

// plugIn makes the container's veth pair, with the addresses of its entry.
//
//	ip link add HOSTEND group GROUP master BRIDGE type veth peer name eth0 netns NAME
//	ip link set HOSTEND alias "blackhole ID"
//	bridge link set dev HOSTEND hairpin on
//	ip link set HOSTEND up
//	ip -n NAME addr add ADDRESS/BITS dev eth0
//	ip -n NAME link set eth0 up
//	ip -n NAME route add default via GATEWAY
func (e *entry) plugIn(k *kernel, namespace *os.File, br bridge) (err error) {
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()

	if there, err := find(k.inside, insideName); err != nil {
		return err
	} else if there != nil {
		return fmt.Errorf("its network namespace already has an interface %s", insideName)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Group, attrs.MTU, attrs.MasterIndex = hostEnd(e.ID), e.Group, br.mtu, br.index
	pair := netlink.NewVeth(attrs)
	pair.PeerName, pair.PeerNamespace = insideName, netlink.NsFd(namespace.Fd())
	pair.PeerHardwareAddr = hardwareAddr(e.Address)
	if err := k.host.LinkAdd(pair); err != nil {
		return fmt.Errorf("cannot make interface %s on bridge %s: %w", attrs.Name, e.Bridge, lacks(err, "veth pairs", "veth"))
	}
	undo.Add(func() error { return remove(k.host, attrs.Name) })

	if err := k.host.LinkSetAlias(pair, aliasPrefix+e.ID); err != nil {
		return fmt.Errorf("cannot name interface %s after its container: %w", attrs.Name, err)
	}
	if err := quiet(attrs.Name); err != nil {
		return err
	}
	if len(e.Ports) > 0 {
		// For a service that uses a port of its own by the host's address:
		// where bridged packets pass the firewall (br_netfilter), the answer
		// to the translation goes out where the packet came in.
		if err := k.host.LinkSetHairpin(pair, true); err != nil {
			return fmt.Errorf("cannot let interface %s send back what it sends: %w", attrs.Name, err)
		}
	}
	if err := k.host.LinkSetUp(pair); err != nil {
		return fmt.Errorf("cannot start interface %s: %w", attrs.Name, err)
	}
	if err := e.configure(k.inside, namespace, br); err != nil {
		return err
	}
	undo.Release()
	return nil
}

// quiet keeps the host from talking IPv6 on an interface that only carries a
// container's packets: a link-local address and its announcements would take
// part of the container's bandwidth.
func quiet(link string) error {
	if !hasIPv6(link) {
		return nil
	}
	return set(setting("ipv6/conf", link, "disable_ipv6"), "1")
}

// configure gives the inner end of the pair its addresses and routes.
func (e *entry) configure(inside *netlink.Handle, namespace *os.File, br bridge) error {
	link, err := inside.LinkByName(insideName)
	if err != nil {
		return fmt.Errorf("cannot find interface %s in the container: %w", insideName, err)
	}
	addresses := []*netlink.Addr{{IPNet: ipNet(e.Address, e.Subnet.Bits())}}
	if e.Address6.IsValid() {
		// No duplicate address detection: the book gives an address once, and
		// the address would be out of use for a second.
		addresses = append(addresses, &netlink.Addr{IPNet: ipNet(e.Address6, prefix6(e.Bridge).Bits()), Flags: unix.IFA_F_NODAD})
		err := within(namespace, func() error {
			// Or a neighbour on the bridge could make itself its router.
			return set(setting("ipv6/conf", insideName, "accept_ra"), "0")
		})
		if err != nil {
			return err
		}
	}
	for _, a := range addresses {
		if err := inside.AddrAdd(link, a); err != nil {
			return fmt.Errorf("cannot give %s to interface %s of the container: %w", a.IPNet, insideName, err)
		}
	}
	if err := inside.LinkSetUp(link); err != nil {
		return fmt.Errorf("cannot start interface %s of the container: %w", insideName, err)
	}
	gateways := []netip.Addr{e.Gateway}
	if e.Address6.IsValid() && isOn(setting("ipv6/conf/all/forwarding")) {
		// Only where the host routes IPv6: programs try a route that is there
		// before they fall back to IPv4.
		gateways = append(gateways, br.gateway6)
	}
	for _, g := range gateways {
		everywhere := &net.IPNet{IP: make(net.IP, g.BitLen()/8), Mask: net.CIDRMask(0, g.BitLen())}
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: everywhere, Gw: g.AsSlice()}
		if err := inside.RouteAdd(route); err != nil {
			return fmt.Errorf("cannot route the container by %s: %w", g, err)
		}
	}
	return nil
}
