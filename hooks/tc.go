package hooks

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
)

// makeIFB makes an intermediate functional block device; not by its module's
// own ifb0 and ifb1, which are everybody's.
//
//	ip link add NAME group GROUP type ifb
func makeIFB(h *netlink.Handle, name string, group uint32, mtu int) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Group, attrs.MTU = name, group, mtu
	ifb := &netlink.Ifb{LinkAttrs: attrs}
	if err := h.LinkAdd(ifb); err != nil {
		return nil, fmt.Errorf("cannot make interface %s to shape what the service sends: %w", name, lacks(err, "ifb devices", "ifb"))
	}
	return ifb, nil
}

// bucketHandle is a name of our own for the qdisc: the kernel then changes it
// in place, with the packets in it, instead of putting a new one there.
const bucketHandle = 1 << 16 // 1:0

// setBucket shapes what leaves a link, or changes how it is shaped.
//
//	tc qdisc replace dev LINK root handle 1: tbf rate RATE burst BURST limit QUEUE
func setBucket(h *netlink.Handle, link netlink.Link, b params.Bucket) error {
	tbf := &netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: bucketHandle, Parent: netlink.HANDLE_ROOT},
		Rate:       b.Rate,
		Limit:      b.Queue,
		Buffer:     ticks(b.Burst, b.Rate),
	}
	if err := h.QdiscReplace(tbf); err != nil {
		return fmt.Errorf("cannot shape interface %s to %d bytes a second: %w", link.Attrs().Name, b.Rate, lacks(err, "token bucket filter", "sch_tbf"))
	}
	return nil
}

// ticks is how long so many bytes take, in the 64 ns of the kernel's packet
// scheduler (PSCHED_SHIFT, include/net/pkt_sched.h), rounded up: a bucket of
// exactly one packet must not become one of a byte less.
func ticks(bytes uint32, rate uint64) uint32 {
	ns := uint64(bytes) * 1_000_000_000 / rate
	return uint32(ns>>6) + 1
}

// removeBucket takes the shaping of what leaves a link away.
//
//	tc qdisc del dev LINK root
func removeBucket(h *netlink.Handle, link netlink.Link) error {
	qdisc := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: bucketHandle, Parent: netlink.HANDLE_ROOT},
		QdiscType:  "tbf",
	}
	err := h.QdiscDel(qdisc)
	// ENOENT and EINVAL: there is only the kernel's own queue.
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot take the shaping of interface %s away: %w", link.Attrs().Name, err)
	}
	return nil
}

// clsact is the point where a link's incoming packets can be redirected, Linux
// 4.5.
func clsact(link netlink.Link) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}

// redirect sends every packet that comes in on a link, of any protocol, to
// another link, which gives it back to the first after its queue. Where it is
// so already nothing is done.
//
//	tc qdisc add dev LINK clsact
//	tc filter add dev LINK ingress protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev TO
func redirect(h *netlink.Handle, link, to netlink.Link) error {
	cause := func(err error) error {
		return fmt.Errorf("cannot redirect what comes from interface %s: %w", link.Attrs().Name, err)
	}
	if err := h.QdiscAdd(clsact(link)); err != nil && !errors.Is(err, unix.EEXIST) {
		return cause(lacks(err, "ingress queue", "sch_ingress"))
	}
	filters, err := dump(func() ([]netlink.Filter, error) { return h.FilterList(link, netlink.HANDLE_MIN_INGRESS) })
	if err != nil {
		return cause(err)
	}
	for _, f := range filters {
		if u32, ok := f.(*netlink.U32); ok && redirectsTo(u32, to.Attrs().Index) {
			return nil
		}
	}
	filter := &netlink.U32{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 1, Protocol: unix.ETH_P_ALL},
		Actions:     []netlink.Action{netlink.NewMirredAction(to.Attrs().Index)},
	}
	if err := h.FilterAdd(filter); err != nil {
		return cause(lacks(err, "u32 classifier or redirect action", "cls_u32 or act_mirred"))
	}
	return nil
}

func redirectsTo(filter *netlink.U32, index int) bool {
	if filter.RedirIndex == index {
		return true
	}
	for _, a := range filter.Actions {
		if m, ok := a.(*netlink.MirredAction); ok && m.Ifindex == index {
			return true
		}
	}
	return false
}

// removeRedirect takes a link's redirection away.
//
//	tc qdisc del dev LINK clsact
func removeRedirect(h *netlink.Handle, link netlink.Link) error {
	err := h.QdiscDel(clsact(link))
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot take the redirection of interface %s away: %w", link.Attrs().Name, err)
	}
	return nil
}
