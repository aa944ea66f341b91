package hooks

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
)

// checkSubnet refuses what no bridge can be given.
func checkSubnet(subnet netip.Prefix) error {
	switch {
	case !subnet.IsValid():
		return errors.New("no subnet is given")
	case !subnet.Addr().Is4():
		return fmt.Errorf("subnet %s is not IPv4; services get an IPv6 address by themselves", subnet)
	case subnet != subnet.Masked():
		return fmt.Errorf("subnet %s has bits set beyond its length, meant is %s", subnet, subnet.Masked())
	case subnet.Bits() > 30 || subnet.Bits() < 1:
		return fmt.Errorf("subnet %s has no room for a bridge and a service", subnet)
	case !subnet.Addr().IsPrivate() && !subnet.Addr().IsGlobalUnicast():
		return fmt.Errorf("subnet %s is not of addresses that hosts can have", subnet)
	}
	return nil
}

// gatewayOf is a subnet's first address: the bridge's.
func gatewayOf(subnet netip.Prefix) netip.Addr { return subnet.Addr().Next() }

// takeAddress chooses the address of a container in a subnet. It begins to look
// at a place that only depends on the id, so a service that starts again mostly
// has the address it had.
func (b *book) takeAddress(id string, subnet netip.Prefix, gateway netip.Addr) (netip.Addr, error) {
	first := binary.BigEndian.Uint32(subnet.Addr().AsSlice())
	// The first of a subnet is the net itself, the last is broadcast (RFC 919).
	usable := uint32(1)<<(32-subnet.Bits()) - 2
	taken := map[netip.Addr]bool{gateway: true}
	for _, e := range b.Containers {
		taken[e.Address] = true
	}
	sum := sha256.Sum256([]byte(id))
	start := binary.BigEndian.Uint32(sum[:]) % usable
	for i := range usable {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], first+1+(start+i)%usable)
		if a := netip.AddrFrom4(bytes); !taken[a] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("subnet %s has no address left of %d; blackhole gc frees those of dead containers", subnet, usable)
}

// prefix6 is the IPv6 network of a bridge: a unique local one (RFC 4193) whose
// 40 bits of global id are a hash of the machine and the bridge, so that it is
// the same after a restart without being written anywhere.
func prefix6(bridge string) netip.Prefix {
	machine, err := os.ReadFile("/etc/machine-id")
	if err != nil || len(machine) == 0 {
		boot, _ := bootID()
		machine = []byte(boot)
	}
	// machine-id(5) asks not to show the id itself on a network.
	sum := sha256.Sum256([]byte("blackhole bridge " + bridge + " of " + strings.TrimSpace(string(machine))))
	var a [16]byte
	a[0] = 0xfd
	copy(a[1:6], sum[:5])
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

// address6 is the IPv6 companion of an IPv4 address: it stands in the last 32
// bits, so one book keeps both.
func address6(prefix netip.Prefix, address netip.Addr) netip.Addr {
	a, v4 := prefix.Addr().As16(), address.As4()
	copy(a[12:], v4[:])
	return netip.AddrFrom16(a)
}

// hardwareAddr is the MAC address that goes with an IPv4 address: locally
// administered (bit 1 of the first byte), and the same each time, so that no
// neighbour keeps a stale one.
func hardwareAddr(address netip.Addr) net.HardwareAddr {
	v4 := address.As4()
	return net.HardwareAddr{0x02, 0x62, v4[0], v4[1], v4[2], v4[3]}
}

// ipNet is a prefix as package net has it.
func ipNet(address netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(bits, address.BitLen())}
}
