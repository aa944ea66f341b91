package hooks

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/google/nftables"
	mdlayher "github.com/mdlayher/netlink"
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

// firewallConn is a connection to the firewall.
type firewallConn struct {
	*nftables.Conn
	socket *mdlayher.Conn
}

func connect() (*firewallConn, error) {
	var c firewallConn
	var err error
	hold := nftables.WithSockOptions(func(s *mdlayher.Conn) error { c.socket = s; return nil })
	if c.Conn, err = nftables.New(nftables.AsLasting(), hold); err != nil {
		return nil, fmt.Errorf("cannot talk to the firewall: %w", lacks(err, "nftables", "nf_tables"))
	}
	return &c, nil
}

// firewallTime is how long what is asked of the firewall in one go may take: some
// milliseconds, but the first time the kernel loads its modules in it, which took an
// emulated, busy machine more than ten seconds. An answer that does not come is an error then:
// whoever waits has the book's lock, and all networks wait for it. A hook has a minute.
var firewallTime = 30 * time.Second

// within sets the time by which all is to be answered.
func (c *firewallConn) within(limit time.Duration) error {
	return c.socket.SetDeadline(time.Now().Add(limit))
}

// kept is the connection of a process that lives long. Closing one waits for RCU
// grace periods: for what was asked of it to be destroyed, before anybody else may
// change the firewall. Whoever uses it holds the book's lock.
var kept struct {
	wanted bool
	conn   *firewallConn
}

// KeepFirewall is for a process that brings many networks up and down: it stays
// connected to the firewall.
func KeepFirewall() { kept.wanted = true }

// onFirewall does something on a connection to the firewall. It is closed beside what
// follows, unless it is kept; but not after an error, when something may still come
// that nobody asked for, and what was put together must not be sent by another.
func onFirewall(do func(conn *nftables.Conn) error) error {
	conn := kept.conn
	if conn == nil {
		var err error
		if conn, err = connect(); err != nil {
			return err
		}
	}
	err := conn.within(firewallTime)
	if err == nil {
		err = do(conn.Conn)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // once for each message that was sent
		err = fmt.Errorf("the firewall (nftables) did not answer within %v: %w", firewallTime, os.ErrDeadlineExceeded)
	}
	kept.conn = nil
	if kept.wanted && err == nil {
		kept.conn = conn
	} else {
		go func() { _ = conn.CloseLasting() }()
	}
	return err
}

func flush(conn *nftables.Conn) error {
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("cannot change the firewall: %w", lacks(err, "nftables with address translation", "nf_tables, nft_nat, nft_masq, nft_fib_inet"))
	}
	return nil
}

// overlaps tells whether two published ports cannot both be had.
func overlaps(a, b params.Port) bool {
	return a.Protocol == b.Protocol && a.Host == b.Host &&
		(!a.HostIP.IsValid() || !b.HostIP.IsValid() || a.HostIP.Unmap() == b.HostIP.Unmap())
}
