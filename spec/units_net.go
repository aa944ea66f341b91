package spec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// UnmarshalText reads an IPv4 range in CIDR form.
func (s *Subnet) UnmarshalText(text []byte) error {
	const what = "a subnet"
	t := string(text)
	p, err := netip.ParsePrefix(t)
	switch {
	case t == "":
		return bad(t, what, "it is empty")
	case err != nil:
		return bad(t, what, "use an address and a number of bits, as in 10.88.0.0/16")
	case !p.Addr().Is4():
		return bad(t, what, "it is not IPv4")
	case p.Masked() != p:
		return bad(t, what, "it has bits set beyond the prefix, use "+p.Masked().String())
	case p.Bits() > 30:
		return bad(t, what, "it has no room for the bridge and a service, use /30 or wider")
	case p.Bits() < 8 || !p.Addr().IsGlobalUnicast() || p.Addr().As4()[0] >= 240 || p.Addr().As4()[0] == 0:
		return bad(t, what, "it is no range for hosts, use one such as 10.88.0.0/16")
	}
	*s = Subnet{p}
	return nil
}

// MarshalText is the CIDR form.
func (s Subnet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (Subnet) schema() map[string]any {
	return map[string]any{
		"type": "string", "pattern": `^[0-9]{1,3}(\.[0-9]{1,3}){3}/([89]|[12][0-9]|30)$`,
		"examples": []any{"10.88.0.0/16"},
	}
}

// UnmarshalText reads [ADDRESS:]HOST:SERVICE[/tcp|/udp], or one port alone for
// the same on both sides. An IPv6 address stands in brackets.
func (p *Port) UnmarshalText(text []byte) error {
	const what = "a published port"
	s := string(text)
	if s == "" {
		return bad(s, what, "it is empty")
	}
	rest, protocol, hasProtocol := strings.Cut(s, "/")
	if !hasProtocol {
		protocol = "tcp"
	}
	if protocol != "tcp" && protocol != "udp" {
		return bad(s, what, "unknown protocol "+quote(protocol)+", use tcp or udp")
	}
	parsed := Port{Protocol: protocol}
	host, service := rest, rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		host, service = rest[:i], rest[i+1:]
		if i := strings.LastIndexByte(host, ':'); i >= 0 {
			addr, err := parseHostIP(host[:i])
			if err != nil {
				return bad(s, what, err.Error())
			}
			parsed.HostIP, host = addr, host[i+1:]
		}
	}
	var err error
	if parsed.Host, err = parsePort(host); err == nil {
		parsed.Container, err = parsePort(service)
	}
	if err != nil {
		return bad(s, what, err.Error())
	}
	*p = parsed
	return nil
}

func parseHostIP(s string) (netip.Addr, error) {
	inner, bracketed := s, strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]")
	if bracketed {
		inner = s[1 : len(s)-1]
	}
	addr, err := netip.ParseAddr(inner)
	switch {
	case err == nil && addr.Is6() && !bracketed:
		return addr, fmt.Errorf("an IPv6 address stands in brackets, as in [::1]:80:8080")
	case err != nil || addr.Zone() != "" || addr.Is4() && bracketed:
		return addr, fmt.Errorf("%s is not an address, use [ADDRESS:]HOST:SERVICE[/tcp|/udp]", quote(s))
	}
	return addr.Unmap(), nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if !digits(s) || err != nil || n == 0 {
		return 0, fmt.Errorf("%s is not a port from 1 to 65535", quote(s))
	}
	return uint16(n), nil
}

// String is the form with both ports, and the protocol where it is not tcp.
func (p Port) String() string {
	var b strings.Builder
	if p.HostIP.IsValid() {
		if p.HostIP.Is6() {
			b.WriteString("[" + p.HostIP.String() + "]:")
		} else {
			b.WriteString(p.HostIP.String() + ":")
		}
	}
	fmt.Fprintf(&b, "%d:%d", p.Host, p.Container)
	if p.Protocol != "tcp" {
		b.WriteString("/" + p.Protocol)
	}
	return b.String()
}

// MarshalText is String.
func (p Port) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// overlaps tells whether two services cannot both publish these.
func (p Port) overlaps(q Port) bool {
	if p.Host != q.Host || p.Protocol != q.Protocol {
		return false
	}
	if !p.HostIP.IsValid() || !q.HostIP.IsValid() || p.HostIP == q.HostIP {
		return true
	}
	// 0.0.0.0 is every IPv4 address, and [::] every IPv6 one.
	return p.HostIP.Is4() == q.HostIP.Is4() && (p.HostIP.IsUnspecified() || q.HostIP.IsUnspecified())
}

func (Port) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 1, "maximum": 65535,
		"pattern":  `^((([0-9]{1,3}\.){3}[0-9]{1,3}|\[[0-9a-fA-F:.]+\]):[0-9]+:[0-9]+|[0-9]+:[0-9]+|[0-9]+)(/(tcp|udp))?$`,
		"examples": []any{"8080:80", "127.0.0.1:5353:53/udp"},
	}
}
