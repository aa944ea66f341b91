package hooks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Stats is what went through a container's interface since it was made, in the
// container's own directions: bytes (with Ethernet headers) and packets.
type Stats struct {
	RxBytes, TxBytes     uint64
	RxPackets, TxPackets uint64
	RxDropped, TxDropped uint64 // by the interface itself, not by the shaping

	Ingress, Egress *ShapingStats // nil: not shaped
}

// ShapingStats is what a token bucket did to a direction.
type ShapingStats struct {
	Rate           uint64 // bytes a second, as configured
	Bytes          uint64 // that passed, with Ethernet headers
	Dropped        uint32 // packets, because the queue was full
	Overlimits     uint32 // how often a packet had to wait for the rate
	BacklogBytes   uint32 // waiting now
	BacklogPackets uint32
}

// Stats reads the counters of a container's interface from its host end; nil
// without error when the container has none (another mode, or it is gone).
func (n *Network) Stats(id string) (*Stats, error) {
	k, err := dial(nil)
	if err != nil {
		return nil, err
	}
	defer k.close()
	e := n.peek(id)
	link, err := find(k.host, hostEnd(id))
	if err == nil && link == nil && e.OuterEnd != 0 {
		if link, err = k.host.LinkByIndex(e.OuterEnd); errors.As(err, &netlink.LinkNotFoundError{}) {
			return nil, nil // its maker has removed it
		}
	}
	if err != nil || link == nil {
		return nil, err
	}
	counters := link.Attrs().Statistics
	if counters == nil {
		return nil, fmt.Errorf("cannot read the counters of interface %s: the kernel gives none", link.Attrs().Name)
	}
	s := &Stats{
		// What the host end sends, the container receives.
		RxBytes: counters.TxBytes, RxPackets: counters.TxPackets, RxDropped: counters.TxDropped,
		TxBytes: counters.RxBytes, TxPackets: counters.RxPackets, TxDropped: counters.RxDropped,
	}
	if s.Ingress, err = bucketStats(link.Attrs().Index); err != nil {
		return nil, err
	}
	ifb, err := find(k.host, ifbName(id))
	if err != nil {
		return nil, err
	}
	if ifb != nil {
		if s.Egress, err = bucketStats(ifb.Attrs().Index); err != nil {
			return nil, err
		}
	}
	if s.Ingress != nil {
		s.Ingress.Rate = e.Bandwidth.IngressRate
	}
	if s.Egress != nil {
		s.Egress.Rate = e.Bandwidth.EgressRate
	}
	return s, nil
}

// peek is a container as the book has it, read without waiting for a hook that
// has the book: a book is replaced as a whole. An empty one stands for none.
func (n *Network) peek(id string) *entry {
	path := filepath.Join(n.folder(), bookName)
	data, err := os.ReadFile(path)
	if err != nil {
		return &entry{ID: id}
	}
	b, err := decodeBook(path, data)
	if err != nil || b.Containers[id] == nil {
		return &entry{ID: id}
	}
	return b.Containers[id]
}

// bucketStats reads the token bucket of one link, nil when it has none. It asks
// for that qdisc alone: a dump lists those of every link of the host.
//
//	tc -s qdisc show dev LINK root
func bucketStats(index int) (*ShapingStats, error) {
	// The kernel tells everybody that listens, and who asked only on ECHO.
	request := nl.NewNetlinkRequest(unix.RTM_GETQDISC, unix.NLM_F_ECHO|unix.NLM_F_ACK)
	request.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(index), Parent: netlink.HANDLE_ROOT})
	answers, err := execute(request, unix.RTM_NEWQDISC)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the shaping of interface %d: %w", index, err)
	}
	for _, answer := range answers {
		if stats, err := parseBucket(answer); stats != nil || err != nil {
			return stats, err
		}
	}
	return nil, nil
}

// parseBucket takes the counters out of a RTM_NEWQDISC message, nil when it is
// not about a token bucket.
func parseBucket(message []byte) (*ShapingStats, error) {
	attributes, err := nl.ParseRouteAttr(message[nl.SizeofTcMsg:])
	if err != nil {
		return nil, fmt.Errorf("cannot read the shaping of an interface: %w", err)
	}
	var stats *ShapingStats
	ours := false
	for _, a := range attributes {
		switch a.Attr.Type {
		case nl.TCA_KIND:
			ours = nl.BytesToString(a.Value) == "tbf"
		case nl.TCA_STATS2:
			stats = queueStats(a.Value)
		}
	}
	if !ours {
		return nil, nil
	}
	return stats, nil
}

// queueStats finds struct gnet_stats_queue and gnet_stats_basic
// (linux/gen_stats.h) in TCA_STATS2.
func queueStats(data []byte) *ShapingStats {
	attributes, err := nl.ParseRouteAttr(data)
	if err != nil {
		return nil
	}
	var s *ShapingStats
	var bytes uint64
	for _, a := range attributes {
		switch {
		case a.Attr.Type == nl.TCA_STATS_BASIC && len(a.Value) >= 8:
			bytes = binary.NativeEndian.Uint64(a.Value)
		case a.Attr.Type == nl.TCA_STATS_QUEUE && len(a.Value) >= 20:
			field := func(i int) uint32 { return binary.NativeEndian.Uint32(a.Value[4*i:]) }
			s = &ShapingStats{BacklogPackets: field(0), BacklogBytes: field(1), Dropped: field(2), Overlimits: field(4)}
		}
	}
	if s != nil {
		s.Bytes = bytes
	}
	return s
}
