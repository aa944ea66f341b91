package hooks

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
)

// Each bridge has two nftables tables of its own. Their rules are the bridge's and
// never change; what a container adds are elements of their sets and maps. Those
// of address translation:
//
//	masqueraded4  the addresses that reach other networks under the host's
//	ports4        protocol and port of the host to address and port of a container
//	at4           the same for one address of the host alone
//
// and the same for IPv6. firewallrules.go has the rules.

// tablePrefix starts the name of our tables.
const tablePrefix = "io.blackhole."

// element is one element of a named set.
type element struct {
	set string
	nftables.SetElement
}

// elements is everything that a container adds to its bridge's table.
func (e *entry) elements() []element {
	var all []element
	add := func(set string, key, value []byte) {
		all = append(all, element{set, nftables.SetElement{Key: key, Val: value, Comment: e.comment()}})
	}
	for _, address := range []netip.Addr{e.Address, e.Address6} {
		if !address.IsValid() {
			continue
		}
		version := "4"
		if address.Is6() {
			version = "6"
		}
		if e.Masquerade {
			add("masqueraded"+version, address.AsSlice(), nil)
		}
		for _, p := range e.Ports {
			target := append(address.AsSlice(), port(p.Container)...)
			key := append(protocol(p.Protocol), port(p.Host)...)
			switch {
			case !p.HostIP.IsValid():
				add("ports"+version, key, target)
			case p.HostIP.Unmap().Is4() == address.Is4():
				add("at"+version, append(p.HostIP.Unmap().AsSlice(), key...), target)
			}
		}
	}
	return all
}

// comment is the container's id, as far as one fits (NFT_USERDATA_MAXLEN, with
// its length and a final zero).
func (e *entry) comment() string { return e.ID[:min(len(e.ID), 120)] }

// protocol and port are as the kernel has them in a register of 4 bytes.
func protocol(name string) []byte {
	if name == "udp" {
		return []byte{unix.IPPROTO_UDP, 0, 0, 0}
	}
	return []byte{unix.IPPROTO_TCP, 0, 0, 0}
}

func port(number uint16) []byte { return []byte{byte(number >> 8), byte(number), 0, 0} }

// ruleset is a kind of table that each bridge has one of.
type ruleset struct {
	family   nftables.TableFamily
	sets     func(*nftables.Table) []*nftables.Set
	rules    func(conn *nftables.Conn, table *nftables.Table, e *entry, sets map[string]*nftables.Set) error
	elements func(*entry) []element
}

// translation is what the top of this file is about; genuine.go has the other.
func rulesets() []ruleset {
	return []ruleset{{
		family:   nftables.TableFamilyINet,
		sets:     newSets,
		elements: (*entry).elements,
		rules: func(conn *nftables.Conn, table *nftables.Table, e *entry, sets map[string]*nftables.Set) error {
			return addRules(conn, table, e.Bridge, e.Subnet, sets)
		},
	}, {
		family:   nftables.TableFamilyBridge,
		sets:     genuineSets,
		elements: (*entry).genuine,
		rules:    addGenuineRules,
	}}
}

// of is the table of a bridge, with its sets by name.
func (r ruleset) of(bridge string) (*nftables.Table, map[string]*nftables.Set) {
	table, sets := &nftables.Table{Family: r.family, Name: tablePrefix + bridge}, map[string]*nftables.Set{}
	for _, s := range r.sets(table) {
		sets[s.Name] = s
	}
	return table, sets
}

// openFirewall puts a container into its bridge's tables. One is made, with
// all the containers of the book, when it is not there: a bridge is new, or
// somebody flushed the host's rules.
func (b *book) openFirewall(e *entry) error {
	kinds := rulesets()
	err := onFirewall(func(conn *nftables.Conn) error { return b.join(conn, kinds, e) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		// A kernel without CONFIG_NF_TABLES_BRIDGE: docs/network.md says what is missing then.
		err = onFirewall(func(conn *nftables.Conn) error { return b.join(conn, kinds[:1], e) })
	}
	return err
}

// join is one transaction: the kernel waits at the end of each.
func (b *book) join(conn *nftables.Conn, kinds []ruleset, e *entry) error {
	have, err := tables(conn)
	if err != nil {
		return err
	}
	for _, r := range kinds {
		table, sets := r.of(e.Bridge)
		if have[r.family][table.Name] {
			if err := addElements(conn, sets, r.elements(e)); err != nil {
				return err
			}
			continue
		}
		conn.AddTable(table)
		if err := r.rules(conn, table, e, sets); err != nil {
			return err
		}
		for _, other := range b.Containers {
			if other.Bridge != e.Bridge {
				continue
			}
			if err := addElements(conn, sets, r.elements(other)); err != nil {
				return err
			}
		}
	}
	return flush(conn)
}

// closeFirewall takes a container out of its bridge's tables.
func (e *entry) closeFirewall() error { return onFirewall(e.leave) }

func (e *entry) leave(conn *nftables.Conn) error {
	have, err := tables(conn)
	if err != nil {
		return err
	}
	for _, r := range rulesets() {
		all := r.elements(e)
		table, sets := r.of(e.Bridge)
		if len(all) == 0 || !have[r.family][table.Name] {
			continue
		}
		// To delete what is not there would be an error, and a hook that was
		// killed may not have come so far: so they are added first.
		if err := addElements(conn, sets, all); err != nil {
			return err
		}
		for _, el := range all {
			if err := conn.SetDeleteElements(sets[el.set], []nftables.SetElement{el.SetElement}); err != nil {
				return fmt.Errorf("cannot remove from the firewall's set %s: %w", el.set, err)
			}
		}
	}
	return flush(conn)
}

// removeTables deletes a bridge's tables, if they are there.
func removeTables(bridge string) error {
	return onFirewall(func(conn *nftables.Conn) error {
		have, err := tables(conn)
		if err != nil {
			return err
		}
		for _, r := range rulesets() {
			if table, _ := r.of(bridge); have[r.family][table.Name] {
				conn.DelTable(table)
			}
		}
		return flush(conn)
	})
}

// tabled are the bridges that have tables of ours, each once a table.
func tabled() (bridges []string, err error) {
	err = onFirewall(func(conn *nftables.Conn) error {
		have, err := tables(conn)
		for _, r := range rulesets() {
			for table := range have[r.family] {
				if bridge, ours := strings.CutPrefix(table, tablePrefix); ours {
					bridges = append(bridges, bridge)
				}
			}
		}
		return err
	})
	return bridges, err
}

// tables are the host's, by family and name. A kernel without nf_tables has none.
func tables(conn *nftables.Conn) (map[nftables.TableFamily]map[string]bool, error) {
	list, err := conn.ListTables()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot list the firewall's tables: %w", err)
	}
	names := map[nftables.TableFamily]map[string]bool{}
	for _, t := range list {
		if names[t.Family] == nil {
			names[t.Family] = map[string]bool{}
		}
		names[t.Family][t.Name] = true
	}
	return names, nil
}

func addElements(conn *nftables.Conn, sets map[string]*nftables.Set, all []element) error {
	for _, el := range all {
		if err := conn.SetAddElements(sets[el.set], []nftables.SetElement{el.SetElement}); err != nil {
			return fmt.Errorf("cannot add to the firewall's set %s: %w", el.set, err)
		}
	}
	return nil
}

// overlaps tells whether two published ports cannot both be had.
func overlaps(a, b params.Port) bool {
	return a.Protocol == b.Protocol && a.Host == b.Host &&
		(!a.HostIP.IsValid() || !b.HostIP.IsValid() || a.HostIP.Unmap() == b.HostIP.Unmap())
}
