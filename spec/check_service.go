package spec

import (
	"path"
	"slices"
	"strconv"
	"strings"

	profiles "blackhole/seccomp-profiles"
)

// service checks one service by itself.
func (k *checker) service(name string) {
	s, err := k.config.Service(name)
	if err != nil {
		return // names come from the file
	}
	at := join("services", name)
	k.resources(name, &s.Resources)
	k.network(name, s)
	k.filesystem(at+".filesystem", s.Filesystem)
	k.health(at+".health_check", s.HealthCheck)
	k.profile(name, *s.Security.SeccompProfile)
	k.twice(at+".security.capabilities", k.config.Services[name].Security.Capabilities, "capability")
	k.twice(at+".depends_on", s.DependsOn, "service")
	k.twice(at+".network.interfaces", s.Network.Interfaces, "interface")
	if first, most := *s.Restart.Backoff, *s.Restart.MaxBackoff; most < first {
		k.pair(name, "restart.max_backoff", "restart.backoff",
			"cannot use "+most.String()+": it is below restart.backoff "+first.String(),
			"cannot use "+first.String()+": it is above restart.max_backoff "+most.String())
	}
}

// network finds settings that contradict the mode.
func (k *checker) network(name string, s *Service) {
	const ports, interfaces, namespace = "network.ports", "network.interfaces", "network.namespace"
	mode := *s.Network.Mode
	joined := s.Network.Namespace != nil
	if joined && mode != NetworkIsolated {
		k.of(name, namespace, "cannot join %s: network.mode is %s%s", quote(*s.Network.Namespace), mode, k.where(k.modePath(name)))
		return
	}
	reason := "network.mode is " + string(mode) + k.where(k.modePath(name))
	if joined {
		reason = "network.namespace joins " + quote(*s.Network.Namespace) + k.where(own(name, namespace))
	}
	if len(s.Network.Ports) > 0 && !s.shaped() {
		k.of(name, ports, "cannot publish ports: %s", reason)
	}
	if len(s.Network.Interfaces) > 0 && (mode == NetworkHost || joined) {
		k.of(name, interfaces, "cannot move interfaces into the service: %s", reason)
	}
	if written := k.config.Services[name].Resources.Network.Bandwidth; written != (Bandwidth{}) && !s.shaped() {
		k.of(name, "resources.network.bandwidth", "cannot shape the service's traffic: %s", reason)
	}
}

// modePath is where the mode of a service was written, empty where nowhere.
func (k *checker) modePath(name string) string {
	if path := own(name, "network.mode"); k.config.has(path) {
		return path
	}
	return k.written(name, "resources.network.mode")
}

// filesystem finds folders that two entries claim.
func (k *checker) filesystem(at string, f Filesystem) {
	seen := map[string]string{}
	claim := func(where, folder string) {
		clean := path.Clean(folder)
		if before, ok := seen[clean]; ok {
			k.fault(where, "cannot mount %s twice, it is also %s%s", quote(folder), before, k.where(before))
			return
		}
		seen[clean] = where
	}
	for _, list := range []struct {
		key     string
		folders []string
	}{{".writable", f.Writable}, {".read_only", f.ReadOnly}} {
		for i, folder := range list.folders {
			claim(at+list.key+"["+strconv.Itoa(i)+"]", folder)
		}
	}
	for i, t := range f.Tmpfs {
		entry := at + ".tmpfs[" + strconv.Itoa(i) + "]"
		switch {
		case t.Path != nil:
			claim(entry+".path", *t.Path)
		case !k.config.has(entry + ".path"):
			k.fault(entry, "cannot mount a tmpfs without a path")
		}
	}
}

// profile reads a seccomp profile that lies beside the configuration; others are
// the host's, see CheckHost.
func (k *checker) profile(name, profile string) {
	const key = "security.seccomp_profile"
	if !k.config.beside[k.written(name, key)] {
		return
	}
	if _, err := profiles.Load(profile); err != nil {
		k.of(name, key, "%v", err)
	}
}

func (k *checker) health(at string, h *HealthCheck) {
	if h == nil {
		return
	}
	var kinds []string
	for _, kind := range []struct {
		key string
		set bool
	}{{"exec", h.Exec != nil}, {"tcp", h.TCP != nil}, {"http", h.HTTP != nil}} {
		if kind.set || k.config.has(at+"."+kind.key) {
			kinds = append(kinds, kind.key)
		}
	}
	switch {
	case len(kinds) == 0:
		k.fault(at, "cannot check health without one of exec, tcp and http")
	case len(kinds) > 1:
		k.fault(at+"."+kinds[1], "cannot use %s beside %s: one of them says when the service is healthy", strings.Join(kinds[1:], " and "), kinds[0])
	case h.Exec != nil && (len(h.Exec) == 0 || h.Exec[0] == ""):
		k.fault(at+".exec", "cannot run an empty command")
	}
}

// dependencies finds services that are not there, and circles.
func (k *checker) dependencies() {
	c := k.config
	for _, name := range k.names {
		for i, other := range c.Services[name].DependsOn {
			if c.Services[other] == nil && !c.has(join("services", other)) {
				k.fault(own(name, "depends_on["+strconv.Itoa(i)+"]"), "%v", c.noService(other))
			}
		}
	}
	state := map[string]int{} // 1: on the path, 2: done
	var path []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = 1
		path = append(path, name)
		for i, other := range c.Services[name].DependsOn {
			if state[other] == 1 {
				circle := append(slices.Clone(path[slices.Index(path, other):]), other)
				k.fault(own(name, "depends_on["+strconv.Itoa(i)+"]"), "cannot order the services: they depend on each other in a circle, %s", strings.Join(circle, " -> "))
			} else if state[other] == 0 && c.Services[other] != nil {
				visit(other)
			}
		}
		path = path[:len(path)-1]
		state[name] = 2
	}
	for _, name := range k.names {
		if state[name] == 0 {
			visit(name)
		}
	}
}

// ports finds ports that two services publish, or one service twice. Of the
// whole file, because a service that is not asked for may run already.
func (k *checker) ports() {
	type published struct {
		Port
		service, path string
	}
	var all []published
	for _, name := range k.config.names() {
		for i, port := range k.config.Services[name].Network.Ports {
			all = append(all, published{port, name, own(name, "network.ports["+strconv.Itoa(i)+"]")})
		}
	}
	slices.SortStableFunc(all, func(a, b published) int { return k.order(a.path, b.path) })
	byNumber := map[uint16][]published{}
	for _, p := range all {
		for _, q := range byNumber[p.Host] {
			if !p.overlaps(q.Port) || !slices.Contains(k.names, p.service) && !slices.Contains(k.names, q.service) {
				continue
			}
			k.fault(p.path, "cannot publish port %d/%s twice, service %s has it%s", p.Host, p.Protocol, q.service, k.where(q.path))
			break
		}
		byNumber[p.Host] = append(byNumber[p.Host], p)
	}
}

// interfaces finds host interfaces that two services claim: one can have it.
func (k *checker) interfaces() {
	owner := map[string]string{}
	for _, name := range k.config.names() {
		for i, link := range k.config.Services[name].Network.Interfaces {
			path := own(name, "network.interfaces["+strconv.Itoa(i)+"]")
			before := owner[link]
			if before != "" && !strings.HasPrefix(before, own(name, "")+".") && slices.Contains(k.names, name) {
				k.fault(path, "cannot move interface %s into two services%s", quote(link), k.where(before))
			}
			owner[link] = path
		}
	}
}

// order compares two paths by where they were written.
func (k *checker) order(a, b string) int {
	p, q := k.config.places[a], k.config.places[b]
	for _, c := range []int{
		slices.Index(k.config.files, p.File) - slices.Index(k.config.files, q.File),
		p.Line - q.Line,
		p.Column - q.Column,
	} {
		if c != 0 {
			return c
		}
	}
	return 0
}
