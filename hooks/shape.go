package hooks

import (
	"errors"
	"fmt"
	"math"

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

// How a rate becomes a token bucket; docs/network-shaping.md has what was
// measured for each figure.
const (
	// frame is a full packet on the wire, bytes: 1500 and the Ethernet header,
	// which the kernel counts. payload is what TCP carries in it (IPv4,
	// timestamps). The rate of a service is payload, what its programs see.
	frame   = 1514
	payload = 1448

	// minRate (8 kbit/s) is where a full packet takes one and a half seconds:
	// below it no connection is ever made.
	minRate = 1000
	// maxRate (2.2 Tbit/s) is more than any link carries, and keeps the sums
	// below inside 64 bits.
	maxRate = 1 << 38

	// defaultBurst is how much of the rate may leave at once, in milliseconds,
	// and leastBurst the least of it in bytes.
	defaultBurst = 5
	leastBurst   = 4 * frame
	// maxBurst is in seconds of the rate: the kernel keeps a bucket's fill in
	// 32 bits of 64 ns.
	maxBurst = 250
	// burstFloor: a bucket smaller than what the rate carries while the host's
	// timers are late, in microseconds, is empty before it is filled again.
	burstFloor = 100

	// defaultQueue is how long packets wait before they are dropped, in
	// milliseconds, and leastQueue the least of it in bytes.
	defaultQueue = 25
	leastQueue   = 9 * frame
	// maxPacket is the largest packet that an interface hands over in one
	// piece (GSO_LEGACY_MAX_SIZE). One that fits into the bucket is not cut
	// up, so the queue must hold two such.
	maxPacket = 65536 + 14
)

// bucket is the parameters of one token bucket filter (tc-tbf(8)).
type bucket struct {
	rate  uint64 // bytes a second on the wire
	burst uint32 // bytes
	queue uint32 // bytes
}

// newBucket derives a bucket, or says what is wrong with a rate and burst.
// Direction is ingress or egress.
func newBucket(direction string, rate, burst uint64) (bucket, error) {
	if rate < minRate {
		return bucket{}, fmt.Errorf("%s rate of %d bytes a second is under the %d that are possible", direction, rate, minRate)
	}
	if rate > maxRate {
		return bucket{}, fmt.Errorf("%s rate of %d bytes a second is over the %d that are possible", direction, rate, uint64(maxRate))
	}
	wire := (rate*frame + payload - 1) / payload
	if burst == 0 {
		burst = min(max(wire*defaultBurst/1000, leastBurst), math.MaxUint32/2)
	}
	if least := max(frame, wire*burstFloor/1_000_000); burst < least {
		return bucket{}, fmt.Errorf("%s burst of %d bytes is too small for %d bytes a second: at least %d", direction, burst, rate, least)
	}
	if most := min(wire*maxBurst, math.MaxUint32/2); burst > most {
		return bucket{}, fmt.Errorf("%s burst of %d bytes is too large for %d bytes a second: at most %d", direction, burst, rate, most)
	}
	queue := max(wire*defaultQueue/1000, leastQueue, 2*min(burst, maxPacket))
	return bucket{rate: wire, burst: uint32(burst), queue: uint32(min(queue, math.MaxUint32/2))}, nil
}

// check says everything that is wrong with a bandwidth.
func (b Bandwidth) check() error {
	var errs []error
	if b.IngressRate != 0 {
		_, err := newBucket("ingress", b.IngressRate, b.IngressBurst)
		errs = append(errs, err)
	}
	if b.EgressRate != 0 {
		_, err := newBucket("egress", b.EgressRate, b.EgressBurst)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// shape brings a container's links to a bandwidth, whatever they had before.
// Everything is on the host, where the container cannot reach it with any
// capability: what it receives waits on the host end of its veth pair, what it
// sends on an ifb that the host end's ingress is redirected to.
func shape(h *netlink.Handle, id string, b Bandwidth) error {
	link, err := find(h, hostEnd(id))
	if err != nil {
		return err
	}
	if link == nil {
		return fmt.Errorf("interface %s is not there", hostEnd(id))
	}
	if b.IngressRate == 0 {
		err = removeBucket(h, link)
	} else {
		var tb bucket
		if tb, err = newBucket("ingress", b.IngressRate, b.IngressBurst); err == nil {
			err = setBucket(h, link, tb)
		}
	}
	if err != nil {
		return err
	}
	if b.EgressRate == 0 {
		return removeEgress(h, id)
	}
	tb, err := newBucket("egress", b.EgressRate, b.EgressBurst)
	if err != nil {
		return err
	}
	return setEgress(h, id, link, tb)
}

// setEgress sends what comes in on the host end through an ifb with a bucket.
// The redirection is last: until then the link is as it was.
func setEgress(h *netlink.Handle, id string, link netlink.Link, tb bucket) (err error) {
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()

	name := ifbName(id)
	ifb, err := find(h, name)
	if err != nil {
		return err
	}
	if ifb == nil {
		if ifb, err = makeIFB(h, name, link.Attrs().MTU); err != nil {
			return err
		}
		undo.Add(func() error { return remove(h, name) })
	}
	if err := h.LinkSetAlias(ifb, aliasPrefix+id); err != nil {
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
func removeEgress(h *netlink.Handle, id string) error {
	link, err := find(h, hostEnd(id))
	if err == nil && link != nil {
		err = removeRedirect(h, link)
	}
	if err != nil {
		return err
	}
	return remove(h, ifbName(id))
}
