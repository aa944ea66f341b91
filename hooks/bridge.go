package hooks

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"blackhole/internal/cleanup"
)

// bridge is a bridge that is there and ready.
type bridge struct {
	index    int
	mtu      int
	gateway  netip.Addr
	gateway6 netip.Addr // the zero Addr without IPv6
}

// findBridge reads a bridge that is there and ready; the zero bridge says that it
// has to be made. One that somebody else made is taken as it is, and must have
// an address in the subnet.
func findBridge(h *netlink.Handle, name string, subnet netip.Prefix) (bridge, error) {
	link, err := find(h, name)
	if err != nil {
		return bridge{}, err
	}
	if link == nil {
		return bridge{}, checkOverlap(h, subnet)
	}
	if link.Type() != "bridge" {
		return bridge{}, fmt.Errorf("interface %s is a %s, not a bridge", name, link.Type())
	}
	br := bridge{index: link.Attrs().Index, mtu: link.Attrs().MTU}
	addresses, err := dump(func() ([]netlink.Addr, error) { return h.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return bridge{}, fmt.Errorf("cannot list the addresses of %s: %w", name, err)
	}
	var others []string
	for _, a := range addresses {
		ip, _ := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		switch ip = ip.Unmap(); {
		case ip.Is4() && netip.PrefixFrom(ip, bits).Masked() == subnet:
			br.gateway = ip
		case ip.Is4():
			others = append(others, a.IPNet.String())
		case prefix6(name).Contains(ip):
			br.gateway6 = ip
		}
	}
	switch {
	case br.gateway.IsValid():
		return br, nil
	case !isOurs(link):
		return bridge{}, fmt.Errorf("bridge %s was not made by blackhole and has no address in subnet %s", name, subnet)
	case len(others) > 0:
		return bridge{}, fmt.Errorf("bridge %s has address %s, not one of subnet %s: stop its services to change the subnet", name, others[0], subnet)
	}
	return bridge{}, checkOverlap(h, subnet) // ours, and its maker was killed before it was done
}

// makeBridge makes a bridge, or finishes one. Its IPv4 address comes last: with
// it the bridge counts as ready.
//
//	ip link add NAME address 02:62:… group 1651245056 type bridge
//	ip addr add fd…:FIRST/64 dev NAME nodad
//	ip link set NAME up
//	ip addr add FIRST/BITS dev NAME
func makeBridge(h *netlink.Handle, name string, subnet netip.Prefix) (br bridge, err error) {
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()

	gateway := gatewayOf(subnet)
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Group = name, bridgeGroup
	// Without an address of its own a bridge takes the lowest of its ports',
	// and changes it as they come and go, under its services' feet.
	attrs.HardwareAddr = hardwareAddr(gateway)
	err = h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return bridge{}, fmt.Errorf("cannot make bridge %s: %w", name, lacks(err, "bridges", "bridge"))
	}
	if err == nil {
		undo.Add(func() error { return remove(h, name) })
	}
	link, err := h.LinkByName(name)
	if err != nil {
		return bridge{}, fmt.Errorf("cannot look up bridge %s: %w", name, err)
	}
	if err := bridgeSettings(name); err != nil {
		return bridge{}, err
	}
	br = bridge{index: link.Attrs().Index, mtu: link.Attrs().MTU, gateway: gateway}
	if hasIPv6(name) {
		prefix := prefix6(name)
		br.gateway6 = address6(prefix, gateway)
		// No duplicate address detection: nobody else can have it, and it
		// would be out of use for a second.
		address := &netlink.Addr{IPNet: ipNet(br.gateway6, prefix.Bits()), Flags: unix.IFA_F_NODAD}
		if err := h.AddrAdd(link, address); err != nil && !errors.Is(err, unix.EEXIST) {
			return bridge{}, fmt.Errorf("cannot give %s to bridge %s: %w", address.IPNet, name, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return bridge{}, fmt.Errorf("cannot start bridge %s: %w", name, err)
	}
	if err := h.AddrAdd(link, &netlink.Addr{IPNet: ipNet(gateway, subnet.Bits())}); err != nil {
		return bridge{}, fmt.Errorf("cannot give %s/%d to bridge %s: %w", gateway, subnet.Bits(), name, err)
	}
	undo.Release()
	return br, nil
}

// bridgeSettings makes the host a router between the bridge and the rest.
func bridgeSettings(name string) error {
	// For the whole host, and it stays on: the kernel forwards a packet only
	// when the interface that it came in by forwards too, and which that is
	// depends on the host's routes. IPv6 forwarding is left as it is: turning
	// it on would make the host deaf for router advertisements.
	if err := set(setting("ipv4/ip_forward"), "1"); err != nil {
		return err
	}
	// A published port on 127.0.0.1 sends packets with that source over the
	// bridge; the firewall drops what services send to such addresses.
	if err := set(setting("ipv4/conf", name, "route_localnet"), "1"); err != nil {
		return err
	}
	if hasIPv6(name) {
		// Or a service could make itself the host's router (CVE-2020-10749).
		return set(setting("ipv6/conf", name, "accept_ra"), "0")
	}
	return nil
}

// checkOverlap refuses a subnet that the host already has a route into, or that
// is part of one: one of the two would be out of reach.
func checkOverlap(h *netlink.Handle, subnet netip.Prefix) error {
	routes, err := dump(func() ([]netlink.Route, error) { return h.RouteList(nil, netlink.FAMILY_V4) })
	if err != nil {
		return fmt.Errorf("cannot list the host's routes: %w", err)
	}
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		ip, _ := netip.AddrFromSlice(r.Dst.IP)
		bits, _ := r.Dst.Mask.Size()
		route := netip.PrefixFrom(ip.Unmap(), bits)
		if bits == 0 || !route.Overlaps(subnet) {
			continue // the default route is not of a net of its own
		}
		return fmt.Errorf("subnet %s overlaps the host's route %s%s", subnet, route, device(r.LinkIndex))
	}
	return nil
}

func device(index int) string {
	if i, err := net.InterfaceByIndex(index); err == nil {
		return " dev " + i.Name
	}
	return ""
}

// lastOnBridge puts a bridge that nobody needs once this container is gone among
// the container's links: what is removed together, the kernel waits for once.
func (b *book) lastOnBridge(h *netlink.Handle, e *entry) error {
	if e.Bridge == "" || e.Group == 0 || b.uses(e.Bridge, e.ID) {
		return nil
	}
	link, err := freeBridge(h, e.Bridge, e.Group)
	if err != nil || link == nil {
		return err
	}
	if err := h.LinkSetGroup(link, int(e.Group)); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("cannot take leave of bridge %s: %w", e.Bridge, err)
	}
	return nil
}

// removeBridge deletes a bridge that we made, when nothing is plugged into it.
func removeBridge(h *netlink.Handle, name string) error {
	link, err := freeBridge(h, name, 0)
	if err != nil || link == nil {
		return err
	}
	return remove(h, name)
}

// freeBridge finds a bridge that we made, if nothing is plugged into it but links of
// a group; of none, if that is 0.
func freeBridge(h *netlink.Handle, name string, group uint32) (netlink.Link, error) {
	link, err := find(h, name)
	if err != nil || link == nil || link.Type() != "bridge" || !isOurs(link) {
		return nil, err
	}
	links, err := dump(h.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list the host's interfaces: %w", err)
	}
	for _, l := range links {
		if a := l.Attrs(); a.MasterIndex == link.Attrs().Index && (group == 0 || a.Group != group) {
			return nil, nil
		}
	}
	return link, nil
}
