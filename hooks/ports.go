package hooks

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
)

// checkPorts refuses ports that are published twice, by a container of the
// book, or that a program of the host has.
func (b *book) checkPorts(ports []params.Port) error {
	for i, p := range ports {
		for _, other := range ports[:i] {
			if overlaps(p, other) {
				return fmt.Errorf("port %d/%s of the host is published twice", p.Host, p.Protocol)
			}
		}
		for _, e := range b.Containers {
			for _, other := range e.Ports {
				if overlaps(p, other) {
					return fmt.Errorf("port %d/%s of the host is published by %s already", p.Host, p.Protocol, e.ID)
				}
			}
		}
		if err := bindable(p); err != nil {
			return err
		}
	}
	return nil
}

// bindable asks the kernel whether a port is free, by binding it for a moment.
func bindable(p params.Port) error {
	addresses := []netip.Addr{p.HostIP.Unmap()}
	if !p.HostIP.IsValid() {
		addresses = []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	}
	for _, a := range addresses {
		switch err := bind(a, p.Host, p.Protocol); {
		case err == nil:
		case errors.Is(err, unix.EADDRINUSE):
			return fmt.Errorf("port %d/%s of the host is in use", p.Host, p.Protocol)
		case errors.Is(err, unix.EADDRNOTAVAIL) && !p.HostIP.IsValid(), errors.Is(err, unix.EAFNOSUPPORT):
			// No IPv6 here.
		case errors.Is(err, unix.EADDRNOTAVAIL):
			return fmt.Errorf("port %d/%s cannot be published on %s: not an address of this host", p.Host, p.Protocol, a)
		default:
			return fmt.Errorf("port %d/%s cannot be published: %w", p.Host, p.Protocol, err)
		}
	}
	return nil
}

func bind(address netip.Addr, port uint16, protocol string) error {
	family, kind := unix.AF_INET, unix.SOCK_STREAM
	if address.Is6() {
		family = unix.AF_INET6
	}
	if protocol == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if protocol == "tcp" {
		// Only a listening socket is in the way, not a connection that waits
		// for its end.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
	}
	if address.Is4() {
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: address.As4()})
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrInet6{Port: int(port), Addr: address.As16()})
}

// forgetFlows makes the kernel forget the UDP conversations with a container's
// published ports that do not lead to it. A client that kept sending before the
// port was published would never reach it: an address translation is chosen
// with the first packet.
func (e *entry) forgetFlows(k *kernel) error {
	stale := staleFlows{container: e, ports: map[uint16]bool{}, host: map[netip.Addr]bool{}}
	for _, p := range e.Ports {
		if p.Protocol == "udp" {
			stale.ports[p.Host] = true
		}
	}
	if len(stale.ports) == 0 {
		return nil
	}
	addresses, err := dump(func() ([]netlink.Addr, error) { return k.host.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return fmt.Errorf("cannot list the host's addresses: %w", err)
	}
	for _, a := range addresses {
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			stale.host[ip.Unmap()] = true
		}
	}
	families := []netlink.InetFamily{unix.AF_INET}
	if e.Address6.IsValid() {
		families = append(families, unix.AF_INET6)
	}
	for _, family := range families {
		_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, stale)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("cannot forget earlier UDP conversations with its ports: %w", err)
		}
	}
	return nil
}

// staleFlows matches what was sent to a UDP port of the host and does not go to
// the container that publishes it now.
type staleFlows struct {
	container *entry
	ports     map[uint16]bool
	host      map[netip.Addr]bool // its addresses
}

func (s staleFlows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP || !s.ports[flow.Forward.DstPort] {
		return false
	}
	to, ok1 := netip.AddrFromSlice(flow.Forward.DstIP)
	from, ok2 := netip.AddrFromSlice(flow.Reverse.SrcIP)
	return ok1 && ok2 && s.host[to.Unmap()] && from.Unmap() != s.container.Address && from != s.container.Address6
}
