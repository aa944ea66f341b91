package hooks

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A container with CAP_NET_RAW or CAP_NET_ADMIN can write any frame. The second
// table of a bridge lets only genuine ones in: with its own hardware address, and
// its own IP addresses in what carries one, ARP and neighbour discovery included.
// So it can neither be sent what is a neighbour's or the host's, nor speak for one.
//
//	ends        the host ends that the rules are for: other ports of a bridge
//	            that was there before are somebody else's
//	macs        host end and hardware address
//	addresses4  host end and IPv4 address
//	addresses6  host end and IPv6 addresses, the link-local one of its hardware
//	            address among them

func genuineSets(table *nftables.Table) []*nftables.Set {
	set := func(name string, of nftables.SetDatatype) *nftables.Set {
		key, _ := nftables.ConcatSetType(nftables.TypeIFName, of) // an error is only of more than five types
		return &nftables.Set{Table: table, Name: name, KeyType: key, Concatenation: true}
	}
	return []*nftables.Set{
		{Table: table, Name: "ends", KeyType: nftables.TypeIFName},
		set("macs", nftables.TypeEtherAddr),
		set("addresses4", nftables.TypeIPAddr),
		set("addresses6", nftables.TypeIP6Addr),
	}
}

// genuine are a container's elements of these sets.
func (e *entry) genuine() []element {
	if !e.Address.IsValid() {
		return nil
	}
	var all []element
	add := func(set string, value ...byte) {
		key := make([]byte, unix.IFNAMSIZ, unix.IFNAMSIZ+16)
		copy(key, hostEnd(e.ID))
		for key = append(key, value...); len(key)%4 != 0; { // whole registers
			key = append(key, 0)
		}
		all = append(all, element{set, nftables.SetElement{Key: key, Comment: e.comment()}})
	}
	add("ends")
	add("macs", hardwareAddr(e.Address)...)
	add("addresses4", e.Address.AsSlice()...)
	add("addresses6", linkLocal(hardwareAddr(e.Address)).AsSlice()...)
	if e.Address6.IsValid() {
		add("addresses6", e.Address6.AsSlice()...)
	}
	return all
}

// linkLocal is the address that the kernel forms of a hardware address (RFC 4291,
// appendix A).
func linkLocal(mac []byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}

// Types of ICMPv6 (RFC 4861) by which one speaks for a router or a neighbour.
const (
	routerAdvertisement    = 134
	neighbourAdvertisement = 136
	redirection            = 137
)

// addGenuineRules fills a new table. In the language of nft(8):
//
//	chain genuine { type filter hook prerouting priority filter;
//	    iifname != @ends accept
//	    iifname . ether saddr != @macs drop
//	    meta protocol arp iifname . arp saddr ether @macs iifname . arp saddr ip @addresses4 accept
//	    meta protocol ip iifname . ip saddr @addresses4 accept
//	    meta protocol != ip6 drop
//	    icmpv6 type { 134, 137 } drop
//	    icmpv6 type 136 iifname . icmpv6 taddr != @addresses6 drop
//	    iifname . ip6 saddr @addresses6 accept
//	    meta l4proto icmpv6 ip6 saddr :: accept
//	    drop }
//
// The address :: is for what asks whether an address is in use.
func addGenuineRules(conn *nftables.Conn, table *nftables.Table, _ *entry, sets map[string]*nftables.Set) error {
	for _, name := range []string{"ends", "macs", "addresses4", "addresses6"} {
		if err := conn.AddSet(sets[name], nil); err != nil {
			return fmt.Errorf("cannot make the firewall's set %s: %w", name, err)
		}
	}
	priority := nftables.ChainPriority(-200) // NF_BR_PRI_FILTER_BRIDGED
	chain := conn.AddChain(&nftables.Chain{Table: table, Name: "genuine", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: &priority})
	rule := func(parts ...[]expr.Any) {
		var all []expr.Any
		for _, p := range parts {
			all = append(all, p...)
		}
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: all})
	}
	const second = register + unix.IFNAMSIZ/4
	// from: the host end, and what is at this place of the frame.
	from := func(set string, base expr.PayloadBase, offset, length uint32, not bool) []expr.Any {
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register},
			&expr.Payload{DestRegister: second, Base: base, Offset: offset, Len: length},
			&expr.Lookup{SourceRegister: register, SetName: set, SetID: sets[set].ID, Invert: not},
		}
	}
	meta := func(key expr.MetaKey, op expr.CmpOp, data ...byte) []expr.Any {
		return []expr.Any{&expr.Meta{Key: key, Register: register}, &expr.Cmp{Op: op, Register: register, Data: data}}
	}
	protocol := func(op expr.CmpOp, number uint16) []expr.Any {
		return meta(expr.MetaKeyPROTOCOL, op, binary.BigEndian.AppendUint16(nil, number)...)
	}
	icmp := func(kind byte) []expr.Any {
		return append(meta(expr.MetaKeyL4PROTO, expr.CmpOpEq, unix.IPPROTO_ICMPV6),
			&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Len: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{kind}})
	}
	accept, drop := verdict(expr.VerdictAccept, ""), verdict(expr.VerdictDrop, "")
	link, network, transport := expr.PayloadBaseLLHeader, expr.PayloadBaseNetworkHeader, expr.PayloadBaseTransportHeader

	rule([]expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register},
		&expr.Lookup{SourceRegister: register, SetName: "ends", SetID: sets["ends"].ID, Invert: true},
	}, accept)
	rule(from("macs", link, 6, 6, true), drop)
	rule(protocol(expr.CmpOpEq, unix.ETH_P_ARP), from("macs", network, 8, 6, false), from("addresses4", network, 14, 4, false), accept)
	rule(protocol(expr.CmpOpEq, unix.ETH_P_IP), from("addresses4", network, 12, 4, false), accept)
	rule(protocol(expr.CmpOpNeq, unix.ETH_P_IPV6), drop)
	rule(icmp(routerAdvertisement), drop)
	rule(icmp(redirection), drop)
	rule(icmp(neighbourAdvertisement), from("addresses6", transport, 8, 16, true), drop)
	rule(from("addresses6", network, 8, 16, false), accept)
	rule(meta(expr.MetaKeyL4PROTO, expr.CmpOpEq, unix.IPPROTO_ICMPV6),
		[]expr.Any{
			&expr.Payload{DestRegister: register, Base: network, Offset: 8, Len: 16},
			&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: make([]byte, 16)},
		}, accept)
	rule(drop)
	return nil
}
