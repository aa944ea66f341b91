package hooks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"blackhole/hooks/params"
)

// Leftover is the network of a container that does not run any more, or a part
// of one that no container is known of.
type Leftover struct {
	ID   string // of the container; empty when it is not known
	What string // for people: "network of storage", "interface bhv…"

	remove func() error
}

// Remove takes it away.
func (l Leftover) Remove() error { return oneLine(l.remove()) }

// Leftovers finds what dead containers left. known tells whether there is a
// container of an id, stopped ones included: their networks are not touched.
func (n *Network) Leftovers(known func(id string) bool) ([]Leftover, error) {
	k, err := dial(nil)
	if err != nil {
		return nil, err
	}
	defer k.close()
	b, err := n.open(false)
	if err != nil {
		return nil, err
	}
	defer b.close()
	var found []Leftover
	live := map[string]bool{} // names of links
	busy := busyNamespaces()
	for _, e := range b.sorted() {
		own := e.Mode == params.Isolated || e.Mode == params.None
		if id := e.ID; !known(id) && !e.alive() && !(own && busy[e.Namespace]) {
			found = append(found, Leftover{ID: id, What: "network of " + id, remove: func() error { return n.Down(id) }})
		}
		live[hostEnd(e.ID)], live[ifbName(e.ID)] = true, true // they go with their container
	}
	links, err := dump(k.host.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list the host's interfaces: %w", err)
	}
	bridges := map[string]bool{}
	for _, l := range links {
		a := l.Attrs()
		if a.Group != linkGroup || live[a.Name] {
			continue
		}
		if l.Type() == "bridge" {
			bridges[a.Name] = true
			continue
		}
		id := strings.TrimPrefix(a.Alias, aliasPrefix)
		if id != "" && known(id) {
			continue
		}
		found = append(found, n.strayLink(id, a.Name))
	}
	more, err := n.strayTables(b, bridges)
	return append(found, more...), err
}

// strayLink is a link of ours that is not in the book: somebody removed that.
// Its namespace's name goes with it, for the kernel tells which one the other
// end is in.
func (n *Network) strayLink(id, name string) Leftover {
	return Leftover{ID: id, What: "interface " + name, remove: func() error {
		k, err := dial(nil)
		if err != nil {
			return err
		}
		defer k.close()
		link, err := find(k.host, name)
		if err != nil || link == nil {
			return err
		}
		var errs []error
		names, _ := os.ReadDir(n.names())
		for _, file := range names {
			errs = append(errs, n.unnameOf(k.host, link.Attrs().NetNsID, file.Name()))
		}
		return errors.Join(append(errs, remove(k.host, name))...)
	}}
}

// unnameOf takes a namespace's name away when the namespace has a number
// (IFLA_LINK_NETNSID; -1 is of none).
func (n *Network) unnameOf(h *netlink.Handle, number int, name string) error {
	namespace, err := openNamespace(filepath.Join(n.names(), name))
	if err != nil || number < 0 {
		return nil
	}
	defer namespace.Close()
	if its, err := h.GetNetNsIdByFd(int(namespace.Fd())); err != nil || its != number {
		return nil
	}
	id, err := identify(namespace)
	if err != nil {
		return err
	}
	return unnameNamespace(n.names(), name, id)
}

// strayTables are the bridges and firewall tables of ours that no container of
// the book is on.
func (n *Network) strayTables(b *book, bridges map[string]bool) ([]Leftover, error) {
	conn, err := dialFirewall()
	if err != nil {
		return nil, err
	}
	defer conn.CloseLasting()
	have, err := tables(conn)
	if err != nil {
		return nil, err
	}
	for table := range have {
		if bridge, ours := strings.CutPrefix(table, tablePrefix); ours {
			bridges[bridge] = true
		}
	}
	var found []Leftover
	for name := range bridges {
		if b.uses(name) {
			continue // goes with its last container
		}
		found = append(found, Leftover{What: "bridge " + name, remove: func() error { return n.dropBridge(name) }})
	}
	return found, nil
}

// dropBridge removes a bridge and its table, unless it is in use again.
func (n *Network) dropBridge(name string) error {
	b, err := n.open(false)
	if err != nil {
		return err
	}
	defer b.close()
	if b.uses(name) {
		return nil
	}
	k, err := dial(nil)
	if err != nil {
		return err
	}
	defer k.close()
	return errors.Join(removeTable(name), removeBridge(k.host, name))
}

// busyNamespaces are the network namespaces that some process is in: one that
// joined a container's may go on after it.
func busyNamespaces() map[namespaceID]bool {
	busy := map[namespaceID]bool{}
	processes, _ := os.ReadDir("/proc")
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		f, err := openNamespace(filepath.Join("/proc", p.Name(), "ns/net"))
		if err != nil {
			continue // it ended, or is a zombie
		}
		if id, err := identify(f); err == nil {
			busy[id] = true
		}
		f.Close()
	}
	return busy
}
