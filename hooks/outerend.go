package hooks

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
)

// A network that somebody else made (CNI, an engine, ip netns) is shaped where
// our own are: on the outer end of the container's veth pair. That end is
// theirs, and may go at any time; the ifb beside it is ours.

// attach finds the outer end of a container's interface and takes it into the
// entry. It changes nothing, and refuses what is shaped already.
func (b *book) attach(k *kernel, e *entry, namespace *os.File) error {
	for _, other := range b.Containers {
		if other.Namespace == e.Namespace && (other.Mode == params.Isolated || other.OuterEnd != 0) {
			return fmt.Errorf("it shares the network namespace of %s, whose bandwidth holds for both", other.ID)
		}
	}
	outer, err := outerEnd(k, namespace)
	if err != nil {
		return err
	}
	if isOurs(outer) {
		return fmt.Errorf("interface %s belongs to another container's network", outer.Attrs().Name)
	}
	if err := unclaimed(k.host, outer, Bandwidth{}, e.Bandwidth); err != nil {
		return err
	}
	e.OuterEnd, e.Group = outer.Attrs().Index, b.takeGroup(e.ID)
	return nil
}

// outerEnd is the end on this side of the veth pair whose inner end is a
// container's eth0, or its only interface.
func outerEnd(k *kernel, namespace *os.File) (netlink.Link, error) {
	inner, err := innerEnd(k.inside)
	if err != nil {
		return nil, err
	}
	name := inner.Attrs().Name
	if inner.Type() != "veth" {
		return nil, fmt.Errorf("its interface %s is a %s, which has no other end on the host to be shaped", name, inner.Type())
	}
	outer, err := k.host.LinkByIndex(inner.Attrs().ParentIndex)
	if err != nil && !errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, fmt.Errorf("cannot look up the other end of its interface %s: %w", name, err)
	}
	// The index is that of another link where the other end is in a third
	// namespace. The number of the namespace is given when the link is looked
	// up, so it is asked for after that.
	if err == nil && outer.Type() == "veth" && outer.Attrs().ParentIndex == inner.Attrs().Index {
		number, err := k.host.GetNetNsIdByFd(int(namespace.Fd()))
		if err == nil && number >= 0 && outer.Attrs().NetNsID == number {
			return outer, nil
		}
	}
	return nil, fmt.Errorf("the other end of its interface %s is not in the host's network namespace", name)
}

func innerEnd(inside *netlink.Handle) (netlink.Link, error) {
	links, err := dump(inside.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list its interfaces: %w", err)
	}
	var found []netlink.Link
	for _, l := range links {
		switch a := l.Attrs(); {
		case a.Name == insideName:
			return l, nil
		case a.Flags&net.FlagLoopback != 0:
		case a.Flags&net.FlagUp == 0 && l.Type() != "veth":
			// Such as the kernel's own tunnels (sit0, tunl0), in each namespace.
		default:
			found = append(found, l)
		}
	}
	switch len(found) {
	case 0:
		return nil, errors.New("its network namespace has no interface to shape; it must be there when the container is created")
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("which of its %d interfaces carries its bandwidth? There is no %s", len(found), insideName)
}

// unclaimed refuses to shape a direction that somebody else shapes or filters
// already: two buckets in a row are neither's rate, and filters (such as those
// that enforce a policy in BPF) are not run for what is redirected before them.
func unclaimed(h *netlink.Handle, outer netlink.Link, had, want Bandwidth) error {
	qdiscs, err := dump(func() ([]netlink.Qdisc, error) { return h.QdiscList(outer) })
	if err != nil {
		return fmt.Errorf("cannot list the shaping of interface %s: %w", outer.Attrs().Name, err)
	}
	for _, q := range qdiscs {
		incoming := q.Type() == "clsact" || q.Type() == "ingress"
		root := q.Attrs().Parent == netlink.HANDLE_ROOT && q.Attrs().Handle != 0 // 0 is the kernel's own
		if incoming && had.EgressRate == 0 && want.EgressRate != 0 || root && had.IngressRate == 0 && want.IngressRate != 0 {
			return fmt.Errorf("interface %s has a %s queue of somebody else's already, such as CNI's plugin bandwidth makes", outer.Attrs().Name, q.Type())
		}
	}
	return nil
}

// outerAlias is the alias of an ifb beside an outer end that is not ours: it
// tells which that is when the book is lost.
func outerAlias(id string, outer int) string {
	return aliasPrefix + id + " @" + strconv.Itoa(outer)
}

// readAlias is the container's id in the alias of a link of ours, and the index
// of the outer end beside it, 0 where that is ours too.
func readAlias(alias string) (id string, outer int, ok bool) {
	rest, ok := strings.CutPrefix(alias, aliasPrefix)
	id, number, _ := strings.Cut(rest, " @")
	outer, _ = strconv.Atoi(number)
	return id, outer, ok
}

// release takes our shaping off an outer end, if that is still there, and
// removes the ifb beside it.
func release(h *netlink.Handle, id string, outer int) error {
	ifb, err := find(h, ifbName(id))
	if err != nil {
		return err
	}
	link, err := h.LinkByIndex(outer)
	switch {
	case errors.As(err, &netlink.LinkNotFoundError{}):
	case err != nil:
		return fmt.Errorf("cannot look up interface %d: %w", outer, err)
	default:
		if err := errors.Join(removeOwnRedirect(h, link, ifb), removeBucket(h, link)); err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return remove(h, ifbName(id))
}

// removeOwnRedirect takes the redirection to an ifb away, and the point that it
// is at unless somebody else has put a filter there meanwhile.
//
//	tc filter del dev LINK ingress prio PRIO u32
//	tc qdisc del dev LINK clsact
func removeOwnRedirect(h *netlink.Handle, link, ifb netlink.Link) error {
	others := 0
	for _, parent := range []uint32{netlink.HANDLE_MIN_INGRESS, netlink.HANDLE_MIN_EGRESS} {
		filters, err := dump(func() ([]netlink.Filter, error) { return h.FilterList(link, parent) })
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // there is no such point
			return fmt.Errorf("cannot list the filters of interface %s: %w", link.Attrs().Name, err)
		}
		for _, f := range filters {
			u32, ok := f.(*netlink.U32)
			switch {
			case ok && u32.Handle&0xfff == 0: // a table that u32 keeps its filters in (TC_U32_NODE)
			case !ok || ifb == nil || !redirectsTo(u32, ifb.Attrs().Index):
				others++
			default:
				if err := h.FilterDel(f); err != nil && !errors.Is(err, unix.ENOENT) {
					return fmt.Errorf("cannot take the redirection of interface %s away: %w", link.Attrs().Name, err)
				}
			}
		}
	}
	if others > 0 || ifb == nil {
		return nil
	}
	return removeRedirect(h, link)
}
