package hooks

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// newSets are the sets and maps of a table.
func newSets(table *nftables.Table) []*nftables.Set {
	var sets []*nftables.Set
	for version, address := range map[string]nftables.SetDatatype{"4": nftables.TypeIPAddr, "6": nftables.TypeIP6Addr} {
		// An error is only of more than five types.
		service, _ := nftables.ConcatSetType(nftables.TypeInetProto, nftables.TypeInetService)
		at, _ := nftables.ConcatSetType(address, nftables.TypeInetProto, nftables.TypeInetService)
		target, _ := nftables.ConcatSetType(address, nftables.TypeInetService)
		sets = append(sets,
			&nftables.Set{Table: table, Name: "masqueraded" + version, KeyType: address},
			&nftables.Set{Table: table, Name: "ports" + version, IsMap: true, KeyType: service, DataType: target, Concatenation: true},
			&nftables.Set{Table: table, Name: "at" + version, IsMap: true, KeyType: at, DataType: target, Concatenation: true})
	}
	return sets
}

// Registers of 4 bytes, linux/netfilter/nf_tables.h: NFT_REG32_00 and on.
const register = unix.NFT_REG32_00

// ip is what differs between the rules of IPv4 and IPv6.
type ip struct {
	version      string
	protocol     byte // NFPROTO_*
	source       uint32
	destination  uint32 // offsets in the header, bytes
	length       uint32 // of an address, bytes
	subnet       netip.Prefix
	loopback     netip.Prefix
	registersFor uint32 // an address
}

// versions are IPv4 and IPv6.
func versions(bridge string, subnet netip.Prefix) []ip {
	return []ip{
		{"4", unix.NFPROTO_IPV4, 12, 16, 4, subnet, netip.MustParsePrefix("127.0.0.0/8"), 1},
		{"6", unix.NFPROTO_IPV6, 8, 24, 16, prefix6(bridge), netip.MustParsePrefix("::1/128"), 4},
	}
}

// addRules fills a new table. In the language of nft(8), with BRIDGE and SUBNET:
//
//	chain guard { type filter hook prerouting priority raw;
//	    iifname BRIDGE ip daddr 127.0.0.0/8 drop }
//	chain arriving { type nat hook prerouting priority dstnat;
//	    fib daddr type local jump published }
//	chain local { type nat hook output priority dstnat;
//	    ip6 daddr ::1 return
//	    fib daddr type local jump published }
//	chain published {
//	    dnat ip to ip daddr . meta l4proto . th dport map @at4
//	    dnat ip to meta l4proto . th dport map @ports4 }
//	chain leaving { type nat hook postrouting priority srcnat;
//	    oifname BRIDGE ct status dnat fib saddr type local masquerade
//	    oifname BRIDGE ip saddr SUBNET ct status dnat masquerade
//	    oifname != BRIDGE ip saddr @masqueraded4 masquerade }
//	chain crossing { type filter hook forward priority filter;
//	    iifname BRIDGE accept
//	    oifname != BRIDGE accept
//	    ct state established,related accept
//	    ct status dnat accept
//	    ip daddr @masqueraded4 drop }
//
// and the same for IPv6. The guard keeps services from the host's own loopback,
// which route_localnet opens. Of the masquerade rules the first is for the host's
// own clients of published ports: one at 127.0.0.1 could not be answered, nor
// one at an IPv6 address where services have no route for it. The second is for
// a service that reaches another (or itself) by a published port: the answer
// must come back through the host. The last chain keeps other hosts from what
// is not published. A published port is not on ::1, whose packets the kernel
// lets go nowhere: so it is refused there, and clients of "localhost" go on to
// 127.0.0.1 at once.
func addRules(conn *nftables.Conn, table *nftables.Table, bridge string, subnet netip.Prefix, sets map[string]*nftables.Set) error {
	for _, name := range []string{"masqueraded4", "masqueraded6", "ports4", "ports6", "at4", "at6"} {
		if err := conn.AddSet(sets[name], nil); err != nil {
			return fmt.Errorf("cannot make the firewall's set %s: %w", name, err)
		}
	}
	base := func(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
		return conn.AddChain(&nftables.Chain{Table: table, Name: name, Type: kind, Hooknum: hook, Priority: priority})
	}
	guard := base("guard", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw)
	arriving := base("arriving", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	local := base("local", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest)
	leaving := base("leaving", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	crossing := base("crossing", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter)
	published := conn.AddChain(&nftables.Chain{Table: table, Name: "published"})
	rule := func(chain *nftables.Chain, parts ...[]expr.Any) {
		var all []expr.Any
		for _, p := range parts {
			all = append(all, p...)
		}
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: all})
	}
	set := func(name, version string) *nftables.Set { return sets[name+version] }

	six := versions(bridge, subnet)[1]
	rule(local, six.is(), six.in(six.destination, six.loopback), verdict(expr.VerdictReturn, ""))
	for _, c := range []*nftables.Chain{arriving, local} {
		rule(c, ofThisHost(expr.Fib{FlagDADDR: true}), verdict(expr.VerdictJump, published.Name))
	}
	rule(leaving, interfaceIs(expr.MetaKeyOIFNAME, expr.CmpOpEq, bridge), connection(expr.CtKeySTATUS, dnatted),
		ofThisHost(expr.Fib{FlagSADDR: true}), masquerade())
	rule(crossing, interfaceIs(expr.MetaKeyIIFNAME, expr.CmpOpEq, bridge), verdict(expr.VerdictAccept, ""))
	rule(crossing, interfaceIs(expr.MetaKeyOIFNAME, expr.CmpOpNeq, bridge), verdict(expr.VerdictAccept, ""))
	rule(crossing, connection(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), verdict(expr.VerdictAccept, ""))
	rule(crossing, connection(expr.CtKeySTATUS, dnatted), verdict(expr.VerdictAccept, ""))
	for _, v := range versions(bridge, subnet) {
		in, out := interfaceIs(expr.MetaKeyIIFNAME, expr.CmpOpEq, bridge), interfaceIs(expr.MetaKeyOIFNAME, expr.CmpOpEq, bridge)
		notOut := interfaceIs(expr.MetaKeyOIFNAME, expr.CmpOpNeq, bridge)
		rule(guard, in, v.is(), v.in(v.destination, v.loopback), verdict(expr.VerdictDrop, ""))
		rule(published, v.is(), v.translate(true, set("at", v.version)))
		rule(published, v.is(), v.translate(false, set("ports", v.version)))
		rule(leaving, out, v.is(), v.in(v.source, v.subnet), connection(expr.CtKeySTATUS, dnatted), masquerade())
		rule(leaving, notOut, v.is(), v.within(v.source, set("masqueraded", v.version)), masquerade())
		rule(crossing, v.is(), v.within(v.destination, set("masqueraded", v.version)), verdict(expr.VerdictDrop, ""))
	}
	return nil
}

// dnatted is IPS_DST_NAT, linux/netfilter/nf_conntrack_common.h.
const dnatted = 1 << 5

func interfaceIs(key expr.MetaKey, op expr.CmpOp, name string) []expr.Any {
	data := make([]byte, unix.IFNAMSIZ)
	copy(data, name)
	return []expr.Any{&expr.Meta{Key: key, Register: register}, &expr.Cmp{Op: op, Register: register, Data: data}}
}

// ofThisHost matches when the address that the flag names is one of the host.
func ofThisHost(flag expr.Fib) []expr.Any {
	flag.Register, flag.ResultADDRTYPE = register, true
	return []expr.Any{
		&flag,
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
	}
}

// connection matches when one of the bits is set.
func connection(key expr.CtKey, bits uint32) []expr.Any {
	zero := make([]byte, 4)
	return []expr.Any{
		&expr.Ct{Key: key, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: zero},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: zero},
	}
}

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

func masquerade() []expr.Any { return []expr.Any{&expr.Masq{}} }

func (v ip) is() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: []byte{v.protocol}},
	}
}

func (v ip) load(offset, to uint32) expr.Any {
	return &expr.Payload{DestRegister: to, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: v.length}
}

func (v ip) in(offset uint32, prefix netip.Prefix) []expr.Any {
	return []expr.Any{
		v.load(offset, register),
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: v.length,
			Mask: ipNet(prefix.Addr(), prefix.Bits()).Mask, Xor: make([]byte, v.length)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: prefix.Masked().Addr().AsSlice()},
	}
}

func (v ip) within(offset uint32, set *nftables.Set) []expr.Any {
	return []expr.Any{v.load(offset, register), &expr.Lookup{SourceRegister: register, SetName: set.Name, SetID: set.ID}}
}

// translate looks the packet's destination up in a map and sends it to what it
// finds there; without a match the rule ends.
func (v ip) translate(withAddress bool, set *nftables.Set) []expr.Any {
	var all []expr.Any
	key := uint32(register)
	if withAddress {
		all = append(all, v.load(v.destination, key))
		key += v.registersFor
	}
	return append(all,
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: key},
		&expr.Payload{DestRegister: key + 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}, // destination port, TCP and UDP
		&expr.Lookup{SourceRegister: register, DestRegister: register, IsDestRegSet: true, SetName: set.Name, SetID: set.ID},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(v.protocol), RegAddrMin: register, RegProtoMin: register + v.registersFor},
	)
}
