// Package params is what a bundle tells the network hooks about a service: a
// struct on one side, annotations of config.json on the other. It imports no
// network code, so that writing a bundle stays light.
package params

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Prefix starts the name of each annotation that the hooks read.
const Prefix = "io.blackhole.network."

// HostsFile is the file in a bundle that is bound to the service's /etc/hosts.
// The hooks keep the names of the other services in it current.
const HostsFile = "hosts"

// The modes of a service's network.
const (
	Isolated = "isolated" // an interface on the bridge, an address, shaping
	None     = "none"     // a network namespace with loopback alone
	Host     = "host"     // the host's own network: nothing to do
	Joined   = "joined"   // a namespace that somebody else made; with a rate, that is shaped
	Shaped   = "shaped"   // the same of a container that is no service: nothing but its bandwidth is ours
)

// Params is the network of one service. Rates are bytes a second and bursts
// bytes, in the service's own directions: ingress is what it receives. Zero is
// no limit, and for a burst the hooks' default.
type Params struct {
	Mode                      string
	Hostname                  string       // the service's name on its network, and its namespace's in /run/netns
	Bridge                    string       // interface name, made on demand
	Subnet                    netip.Prefix // from which the address is taken
	Masquerade                bool
	IngressRate, EgressRate   uint64
	IngressBurst, EgressBurst uint64
	Ports                     []Port
	Interfaces                []string // host interfaces that are moved into the service
}

// Port is a published port.
type Port struct {
	HostIP    netip.Addr // the zero Addr: every address of the host
	Host      uint16
	Container uint16
	Protocol  string // tcp or udp
}

// String is [IP:]HOST:CONTAINER/PROTOCOL, an IPv6 address in brackets.
func (p Port) String() string {
	ports := fmt.Sprintf("%d:%d/%s", p.Host, p.Container, p.Protocol)
	switch {
	case !p.HostIP.IsValid():
		return ports
	case p.HostIP.Is6():
		return "[" + p.HostIP.String() + "]:" + ports
	}
	return p.HostIP.String() + ":" + ports
}

// Annotations is p as annotations; what is zero is left out. The mode is always
// there.
func (p Params) Annotations() map[string]string {
	a := map[string]string{}
	set := func(key, value string) {
		if value != "" {
			a[Prefix+key] = value
		}
	}
	number := func(key string, value uint64) {
		if value != 0 {
			set(key, strconv.FormatUint(value, 10))
		}
	}
	set("mode", p.Mode)
	set("hostname", p.Hostname)
	set("bridge", p.Bridge)
	if p.Subnet.IsValid() {
		set("subnet", p.Subnet.String())
	}
	if p.Masquerade {
		set("masquerade", "true")
	}
	number("ingress-rate", p.IngressRate)
	number("egress-rate", p.EgressRate)
	number("ingress-burst", p.IngressBurst)
	number("egress-burst", p.EgressBurst)
	ports := make([]string, len(p.Ports))
	for i, port := range p.Ports {
		ports[i] = port.String()
	}
	set("ports", strings.Join(ports, ","))
	set("interfaces", strings.Join(p.Interfaces, ","))
	return a
}

// Any tells whether there is an annotation that FromAnnotations reads.
func Any(annotations map[string]string) bool {
	for name := range annotations {
		if strings.HasPrefix(name, Prefix) || name == KubernetesIngress || name == KubernetesEgress {
			return true
		}
	}
	return false
}

// FromAnnotations reads what Annotations wrote, and Kubernetes' own annotations
// of a bandwidth, and reports everything in them that cannot be read, each with
// its annotation. Other annotations are passed over; without any of these the
// result is the zero Params, whose Mode is empty. A rate without a mode is mode
// shaped. The result is zero too for a container of a pod that is not its
// sandbox.
//
// An annotation with our prefix that is not known is an error: a newer
// blackhole wrote the bundle, and part of it would be lost.
func FromAnnotations(annotations map[string]string) (Params, error) {
	var p Params
	if sandboxMember(annotations) {
		return p, nil
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		value := annotations[name]
		if name == KubernetesIngress || name == KubernetesEgress {
			errs = append(errs, p.setKubernetes(name, value, annotations))
			continue
		}
		key, ours := strings.CutPrefix(name, Prefix)
		if !ours {
			continue
		}
		if err := p.set(key, value); err != nil {
			errs = append(errs, fmt.Errorf("cannot read annotation %s=%q: %w", name, value, err))
		}
	}
	if p.Mode == "" && p.shapes() {
		p.Mode = Shaped
	}
	return p, errors.Join(errs...)
}

func (p *Params) set(key, value string) (err error) {
	switch key {
	case "mode":
		switch value {
		case Isolated, None, Host, Joined, Shaped:
			p.Mode = value
		default:
			err = errors.New("no such network mode")
		}
	case "hostname":
		p.Hostname = value
	case "bridge":
		p.Bridge = value
	case "subnet":
		p.Subnet, err = netip.ParsePrefix(value)
	case "masquerade":
		p.Masquerade, err = strconv.ParseBool(value)
	case "ingress-rate":
		p.IngressRate, err = parseNumber(value)
	case "egress-rate":
		p.EgressRate, err = parseNumber(value)
	case "ingress-burst":
		p.IngressBurst, err = parseNumber(value)
	case "egress-burst":
		p.EgressBurst, err = parseNumber(value)
	case "ports":
		for text := range strings.SplitSeq(value, ",") {
			port, err := parsePort(text)
			if err != nil {
				return fmt.Errorf("port %q: %w", text, err)
			}
			p.Ports = append(p.Ports, port)
		}
	case "interfaces":
		p.Interfaces = strings.Split(value, ",")
		if slices.Contains(p.Interfaces, "") {
			return errors.New("an interface's name is empty")
		}
	default:
		err = errors.New("no such setting")
	}
	return err
}

func parseNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, errors.New("not a number of bytes")
	}
	return n, nil
}

// parsePort reads what Port.String writes.
func parsePort(text string) (Port, error) {
	malformed := errors.New("not of the form [IP:]HOST:CONTAINER/PROTOCOL")
	ports, protocol, _ := strings.Cut(text, "/")
	if protocol != "tcp" && protocol != "udp" {
		return Port{}, errors.New("neither tcp nor udp")
	}
	p := Port{Protocol: protocol}
	rest, container, ok := cutLast(ports, ":")
	if !ok {
		return Port{}, malformed
	}
	host := rest
	if ip, last, ok := cutLast(rest, ":"); ok {
		var err error
		if p.HostIP, err = netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(ip, "["), "]")); err != nil {
			return Port{}, malformed
		}
		host = last
	}
	h, err1 := strconv.ParseUint(host, 10, 16)
	c, err2 := strconv.ParseUint(container, 10, 16)
	if err1 != nil || err2 != nil || h == 0 || c == 0 {
		return Port{}, malformed
	}
	p.Host, p.Container = uint16(h), uint16(c)
	return p, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}
