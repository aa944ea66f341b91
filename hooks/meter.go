package hooks

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Meter reads what Stats reads, for many containers at a time and again and
// again: two questions to the kernel for all of them. It is for one goroutine.
type Meter struct {
	n     *Network
	links map[string]ends
	book  book
	read  fs.FileInfo // of the book when it was
}

// ends are the numbers of a container's links on the host; the kernel does not
// use them again.
type ends struct{ host, ifb int }

// Meter is one that knows nothing yet.
func (n *Network) Meter() *Meter { return &Meter{n: n, links: map[string]ends{}} }

// Read reads the counters of containers. One that has no interface of ours is
// absent.
func (m *Meter) Read(ids []string) (map[string]*Stats, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	counters, err := linkCounters()
	if err != nil {
		return nil, err
	}
	buckets, err := allBuckets()
	if err != nil {
		return nil, err
	}
	m.readBook()
	if err := m.find(ids, counters); err != nil {
		return nil, err
	}
	all := make(map[string]*Stats, len(ids))
	for _, id := range ids {
		of, found := m.links[id]
		s := counters[of.host]
		if !found || s == nil {
			continue
		}
		s.Ingress, s.Egress = buckets[of.host], buckets[of.ifb]
		if e := m.book.Containers[id]; e != nil {
			if s.Ingress != nil {
				s.Ingress.Rate = e.Bandwidth.IngressRate
			}
			if s.Egress != nil {
				s.Egress.Rate = e.Bandwidth.EgressRate
			}
		}
		all[id] = s
	}
	return all, nil
}

// find looks up the links of those whose links are not known, or gone. An ifb
// may come later than the veth: a rate can be set at any time.
func (m *Meter) find(ids []string, counters map[int]*Stats) error {
	links := make(map[string]ends, len(ids))
	var unknown []string
	for _, id := range ids {
		of, known := m.links[id]
		e := m.book.Containers[id]
		shaped := e != nil && e.Bandwidth.EgressRate != 0
		if known && counters[of.host] != nil && shaped == (counters[of.ifb] != nil) {
			links[id] = of
		} else {
			unknown = append(unknown, id)
		}
	}
	m.links = links
	if len(unknown) == 0 {
		return nil
	}
	k, err := dial(nil)
	if err != nil {
		return err
	}
	defer k.close()
	for _, id := range unknown {
		var of ends
		for name, index := range map[string]*int{hostEnd(id): &of.host, ifbName(id): &of.ifb} {
			link, err := find(k.host, name)
			if err != nil {
				return err
			}
			if link != nil && isOurs(link) {
				*index = link.Attrs().Index
			}
		}
		if of.host != 0 {
			links[id] = of
		}
	}
	return nil
}

// readBook reads the book if it is another than before; without waiting for a
// hook that has it, see peek.
func (m *Meter) readBook() {
	path := filepath.Join(m.n.folder(), bookName)
	info, err := os.Stat(path)
	if err != nil {
		m.book, m.read = book{}, nil
		return
	}
	if m.read != nil && os.SameFile(info, m.read) && info.ModTime().Equal(m.read.ModTime()) {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return
	}
	if b, err := decodeBook(path, data); err == nil {
		m.book, m.read = *b, info
	}
}

// linkCounters reads the counters of every link of the host, by number, in the
// directions of a container behind it. RTM_GETSTATS (Linux 4.7) gives them
// without everything else about the links.
//
//	ip stats show group link
func linkCounters() (map[int]*Stats, error) {
	answers, err := dump(func() ([][]byte, error) {
		request := nl.NewNetlinkRequest(unix.RTM_GETSTATS, unix.NLM_F_DUMP)
		request.AddData(statsHeader{})
		return execute(request, unix.RTM_NEWSTATS)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the counters of the interfaces: %w", err)
	}
	all := make(map[int]*Stats, len(answers))
	for _, answer := range answers {
		if len(answer) < sizeofStatsHeader {
			continue
		}
		attributes, err := nl.ParseRouteAttr(answer[sizeofStatsHeader:])
		if err != nil {
			return nil, fmt.Errorf("cannot read the counters of the interfaces: %w", err)
		}
		for _, a := range attributes {
			if a.Attr.Type != unix.IFLA_STATS_LINK_64 || len(a.Value) < 64 {
				continue
			}
			// struct rtnl_link_stats64 (linux/if_link.h). What the host end sends,
			// the container receives.
			field := func(i int) uint64 { return binary.NativeEndian.Uint64(a.Value[8*i:]) }
			all[int(binary.NativeEndian.Uint32(answer[4:]))] = &Stats{
				TxPackets: field(0), RxPackets: field(1), TxBytes: field(2), RxBytes: field(3),
				TxDropped: field(6), RxDropped: field(7),
			}
		}
	}
	return all, nil
}

const sizeofStatsHeader = 12

// statsHeader is struct if_stats_msg (linux/if_link.h) that asks for
// IFLA_STATS_LINK_64 of all links.
type statsHeader struct{}

func (statsHeader) Len() int { return sizeofStatsHeader }

func (statsHeader) Serialize() []byte {
	const mask = 1 << (unix.IFLA_STATS_LINK_64 - 1)
	return binary.NativeEndian.AppendUint32(make([]byte, 8), mask)
}

// allBuckets reads the token buckets at the roots of the host's links, by the
// links' numbers.
//
//	tc -s qdisc show
func allBuckets() (map[int]*ShapingStats, error) {
	answers, err := dump(func() ([][]byte, error) {
		request := nl.NewNetlinkRequest(unix.RTM_GETQDISC, unix.NLM_F_DUMP)
		request.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL})
		return execute(request, unix.RTM_NEWQDISC)
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the shaping of the interfaces: %w", err)
	}
	all := map[int]*ShapingStats{}
	for _, answer := range answers {
		head := nl.DeserializeTcMsg(answer)
		if head.Parent != netlink.HANDLE_ROOT {
			continue
		}
		s, err := parseBucket(answer)
		if err != nil {
			return nil, err
		}
		if s != nil {
			all[int(head.Ifindex)] = s
		}
	}
	return all, nil
}
