package hooks

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"

	"blackhole/hooks/params"
	"blackhole/internal/cleanup"
)

// Bandwidth is what a container may receive and send: rates in bytes a second,
// bursts in bytes. Zero is no limit, and of a burst the default.
type Bandwidth struct {
	IngressRate  uint64 `json:"ingress_rate,omitempty"`
	EgressRate   uint64 `json:"egress_rate,omitempty"`
	IngressBurst uint64 `json:"ingress_burst,omitempty"`
	EgressBurst  uint64 `json:"egress_burst,omitempty"`
}

func bandwidthOf(p params.Params) Bandwidth {
	return Bandwidth{IngressRate: p.IngressRate, EgressRate: p.EgressRate, IngressBurst: p.IngressBurst, EgressBurst: p.EgressBurst}
}

// check says everything that is wrong with a bandwidth.
func (b Bandwidth) check() error {
	var errs []error
	if b.IngressRate != 0 {
		_, err := params.NewBucket("ingress", b.IngressRate, b.IngressBurst)
		errs = append(errs, err)
	}
	if b.EgressRate != 0 {
		_, err := params.NewBucket("egress", b.EgressRate, b.EgressBurst)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// shape brings a container's links to a bandwidth, whatever they had before.
// Everything is on the host, where the container cannot reach it with any
// capability: what it receives waits on the host end of its veth pair, what it
// sends on an ifb that the host end's ingress is redirected to.
func (e *entry) shape(h *netlink.Handle, b Bandwidth) error {
	var link netlink.Link
	var err error
	if e.OuterEnd == 0 {
		if link, err = find(h, hostEnd(e.ID)); err == nil && link == nil {
			err = fmt.Errorf("interface %s is not there", hostEnd(e.ID))
		}
	} else if link, err = h.LinkByIndex(e.OuterEnd); err != nil {
		err = fmt.Errorf("cannot look up the outer end of its interface, number %d: %w", e.OuterEnd, err)
	}
	if err != nil {
		return err
	}
	return shape(h, e, link, b)
}

func shape(h *netlink.Handle, e *entry, link netlink.Link, b Bandwidth) (err error) {
	if b.IngressRate == 0 {
		err = removeBucket(h, link)
	} else {
		var tb params.Bucket
		if tb, err = params.NewBucket("ingress", b.IngressRate, b.IngressBurst); err == nil {
			err = setBucket(h, link, tb)
		}
	}
	if err != nil {
		return err
	}
	if b.EgressRate == 0 {
		return removeEgress(h, e, link)
	}
	tb, err := params.NewBucket("egress", b.EgressRate, b.EgressBurst)
	if err != nil {
		return err
	}
	return setEgress(h, e, link, tb)
}

// setEgress sends what comes in on the host end through an ifb with a bucket.
// The redirection is last: until then the link is as it was.
func setEgress(h *netlink.Handle, e *entry, link netlink.Link, tb params.Bucket) (err error) {
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()

	name, alias := ifbName(e.ID), aliasPrefix+e.ID
	if e.OuterEnd != 0 {
		alias = outerAlias(e.ID, e.OuterEnd)
	}
	ifb, err := find(h, name)
	if err != nil {
		return err
	}
	if ifb == nil {
		if ifb, err = makeIFB(h, name, e.Group, link.Attrs().MTU); err != nil {
			return err
		}
		undo.Add(func() error { return remove(h, name) })
	}
	if err := h.LinkSetAlias(ifb, alias); err != nil {
		return fmt.Errorf("cannot name interface %s after its container: %w", name, err)
	}
	if err := quiet(name); err != nil {
		return err
	}
	if err := setBucket(h, ifb, tb); err != nil {
		return err
	}
	if err := h.LinkSetUp(ifb); err != nil {
		return fmt.Errorf("cannot start interface %s: %w", name, err)
	}
	if err := redirect(h, link, ifb); err != nil {
		return err
	}
	undo.Release()
	return nil
}

// removeEgress takes the redirection away before the device it leads to.
func removeEgress(h *netlink.Handle, e *entry, link netlink.Link) error {
	ifb, err := find(h, ifbName(e.ID))
	if err == nil && e.OuterEnd != 0 {
		err = removeOwnRedirect(h, link, ifb)
	} else if err == nil {
		err = removeRedirect(h, link)
	}
	if err != nil {
		return err
	}
	return remove(h, ifbName(e.ID))
}
