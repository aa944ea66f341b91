package hooks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
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
	keep := map[string]bool{} // links, by what their names have of the id
	busy, numbers, err := busyNamespaces(k.host)
	if err != nil {
		return nil, err
	}
	links, err := dump(k.host.LinkList)
	if err != nil {
		return nil, fmt.Errorf("cannot list the host's interfaces: %w", err)
	}
	indexes := map[string]int{}
	inUse := map[int]bool{} // links by their index, whose other end some process can use
	for _, l := range links {
		a := l.Attrs()
		indexes[a.Name], inUse[a.Index] = a.Index, numbers[a.NetNsID]
	}
	for _, e := range b.sorted() {
		// A namespace's identity is soon another's once nothing holds it, so it
		// counts only where the container's link or name still leads there.
		used := inUse[indexes[hostEnd(e.ID)]] || inUse[e.OuterEnd] || busy[e.Namespace] && n.holdsName(e)
		if id := e.ID; !known(id) && !e.alive() && !used {
			found = append(found, Leftover{ID: id, What: "network of " + id, remove: func() error { return n.Down(id) }})
		}
		keep[linkDigest(e.ID)] = true // they go with their container
	}
	for _, l := range links {
		a := l.Attrs()
		if id, outer, ok := readAlias(a.Alias); isOurs(l) && (inUse[a.Index] || inUse[outer] || ok && known(id)) {
			keep[digestOf(a.Name)] = true
		}
	}
	bridges, used, names := map[string]bool{}, map[string]bool{}, map[int]string{}
	for _, l := range links {
		a := l.Attrs()
		names[a.Index] = a.Name
		switch {
		case !isOurs(l):
		case l.Type() == "bridge":
			bridges[a.Name] = true
		case !keep[digestOf(a.Name)]:
			id, _, _ := readAlias(a.Alias)
			found = append(found, n.strayLink(id, a.Name))
		}
	}
	for _, l := range links {
		if a := l.Attrs(); isOurs(l) && a.MasterIndex != 0 && keep[digestOf(a.Name)] {
			used[names[a.MasterIndex]] = true
		}
	}
	more, err := n.strayBridges(b, bridges, used)
	return append(found, more...), err
}

// holdsName tells whether a container's namespace still has its name.
func (n *Network) holdsName(e *entry) bool {
	if !e.Named {
		return false
	}
	namespace, err := openNamespace(filepath.Join(n.names(), e.Name))
	if err != nil {
		return false
	}
	defer namespace.Close()
	id, err := identify(namespace)
	return err == nil && id == e.Namespace
}

// digestOf is what a link's name has of its container's id.
func digestOf(name string) string { return strings.TrimPrefix(strings.TrimPrefix(name, "bhv"), "bhi") }

// strayLink is a link of ours that is not in the book: somebody removed that.
func (n *Network) strayLink(id, name string) Leftover {
	return Leftover{ID: id, What: "interface " + name, remove: func() error {
		k, err := dial(nil)
		if err != nil {
			return err
		}
		defer k.close()
		return n.removeStray(k, name)
	}}
}

// removeStray removes a link of ours, if it is there, and the name of the
// namespace that its other end is in: the kernel tells which that is. Of an ifb
// beside somebody else's link that link's shaping goes too.
func (n *Network) removeStray(k *kernel, name string) error {
	link, err := find(k.host, name)
	if err != nil || link == nil || !isOurs(link) {
		return err
	}
	if id, outer, ok := readAlias(link.Attrs().Alias); ok && outer != 0 && name == ifbName(id) {
		return release(k.host, id, outer)
	}
	var errs []error
	names, _ := os.ReadDir(n.names())
	for _, file := range names {
		errs = append(errs, n.unnameOf(k.host, link.Attrs().NetNsID, file.Name()))
	}
	return errors.Join(append(errs, remove(k.host, name))...)
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

// strayBridges are the bridges and firewall tables of ours that no container of
// the book, and no link that is kept, is on.
func (n *Network) strayBridges(b *book, bridges, used map[string]bool) ([]Leftover, error) {
	with, err := tabled()
	if err != nil {
		return nil, err
	}
	for _, bridge := range with {
		bridges[bridge] = true
	}
	var found []Leftover
	for name := range bridges {
		if b.uses(name, "") || used[name] {
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
	if b.uses(name, "") {
		return nil
	}
	k, err := dial(nil)
	if err != nil {
		return err
	}
	defer k.close()
	return errors.Join(removeTables(name), removeBridge(k.host, name))
}

// busyNamespaces are the network namespaces that some process is in, by their
// identity and by the number that this one has for them: a process that joined
// a container's may go on after it.
func busyNamespaces(h *netlink.Handle) (map[namespaceID]bool, map[int]bool, error) {
	busy, numbers := map[namespaceID]bool{}, map[int]bool{}
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return nil, nil, err
	}
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		f, err := openNamespace(filepath.Join("/proc", p.Name(), "ns/net"))
		if isGone(err) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			continue // it ended, or is a zombie, or not ours to ask
		}
		if err != nil {
			return nil, nil, fmt.Errorf("cannot tell which networks are in use: %w", err)
		}
		if id, err := identify(f); err == nil && !busy[id] {
			busy[id] = true
			if number, err := h.GetNetNsIdByFd(int(f.Fd())); err == nil && number >= 0 {
				numbers[number] = true
			}
		}
		f.Close()
	}
	return busy, numbers, nil
}
