package hooks

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// movedLink is an interface of the host that a container has, and how it was
// before.
type movedLink struct {
	Name      string         `json:"name"`
	Up        bool           `json:"up,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
}

// describeLinks reads how the interfaces are before they are moved, and refuses
// those that cannot be.
func (b *book) describeLinks(h *netlink.Handle, names []string, isolated bool) ([]movedLink, error) {
	var all []movedLink
	seen := map[string]bool{}
	for _, name := range names {
		if err := checkLinkName(name); err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("interface %s is named twice", name)
		}
		seen[name] = true
		if isolated && name == insideName {
			return nil, fmt.Errorf("interface %s has the name of the service's own; rename it, or use mode none", name)
		}
		for _, e := range b.Containers {
			for _, m := range e.Moved {
				if m.Name == name {
					return nil, fmt.Errorf("interface %s is in %s already", name, e.ID)
				}
			}
		}
		link, err := find(h, name)
		if err != nil {
			return nil, err
		}
		switch {
		case link == nil:
			return nil, fmt.Errorf("interface %s is not on this host", name)
		case link.Attrs().Flags&net.FlagLoopback != 0 || link.Type() == "bridge":
			return nil, fmt.Errorf("interface %s is a %s, which cannot be moved", name, kind(link))
		case isOurs(link):
			return nil, fmt.Errorf("interface %s is part of a service's own network", name)
		case link.Attrs().MasterIndex != 0:
			return nil, fmt.Errorf("interface %s is part of a bridge or bond", name)
		}
		m := movedLink{Name: name, Up: link.Attrs().Flags&net.FlagUp != 0}
		if m.Addresses, err = lasting(h, link); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func kind(link netlink.Link) string {
	if link.Attrs().Flags&net.FlagLoopback != 0 {
		return "loopback"
	}
	return link.Type()
}

// lasting lists the addresses that were given to a link for good: not those
// that the kernel made (link-local) or that run out (DHCP).
func lasting(h *netlink.Handle, link netlink.Link) ([]netip.Prefix, error) {
	addresses, err := dump(func() ([]netlink.Addr, error) { return h.AddrList(link, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("cannot list the addresses of %s: %w", link.Attrs().Name, err)
	}
	var all []netip.Prefix
	for _, a := range addresses {
		ip, ok := netip.AddrFromSlice(a.IP)
		if ok && a.Scope == unix.RT_SCOPE_UNIVERSE && a.Flags&unix.IFA_F_PERMANENT != 0 {
			bits, _ := a.Mask.Size()
			all = append(all, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return all, nil
}

// moveIn gives a container an interface of the host, under its name and with
// its addresses, which the kernel takes away on the move. The routes over it
// are gone, as those of OCI's netDevices are.
//
//	ip link set NAME netns CONTAINER
//	ip -n CONTAINER addr add ADDRESS dev NAME
//	ip -n CONTAINER link set NAME up
func (m movedLink) moveIn(k *kernel, namespace *os.File) error {
	link, err := k.host.LinkByName(m.Name)
	if err == nil {
		err = k.host.LinkSetNsFd(link, int(namespace.Fd()))
	}
	if err != nil {
		return fmt.Errorf("cannot move interface %s into the container: %w", m.Name, err)
	}
	if err := m.restore(k.inside, true); err != nil {
		return fmt.Errorf("cannot set up interface %s in the container: %w", m.Name, err)
	}
	return nil
}

// moveOut brings an interface back to the host as it was. It is no error when
// the interface is not in the container: it was never moved, or the service
// deleted it.
func (m movedLink) moveOut(k *kernel, host *os.File) error {
	if k.inside == nil {
		return nil
	}
	link, err := find(k.inside, m.Name)
	if err != nil || link == nil {
		return err
	}
	if err := k.inside.LinkSetNsFd(link, int(host.Fd())); err != nil {
		return fmt.Errorf("cannot move interface %s back to the host: %w", m.Name, err)
	}
	if err := m.restore(k.host, m.Up); err != nil {
		return fmt.Errorf("cannot set up interface %s on the host: %w", m.Name, err)
	}
	return nil
}

func (m movedLink) restore(h *netlink.Handle, up bool) error {
	link, err := h.LinkByName(m.Name)
	if err != nil {
		return err
	}
	for _, a := range m.Addresses {
		err := h.AddrAdd(link, &netlink.Addr{IPNet: ipNet(a.Addr(), a.Bits())})
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("cannot give %s to it: %w", a, err)
		}
	}
	if up {
		return h.LinkSetUp(link)
	}
	return nil
}
