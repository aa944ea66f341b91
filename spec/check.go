package spec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Check finds what is wrong in the configuration by itself, on any host, as far
// as the values can be read at all, which Parse checks. It covers the whole
// file, or only what concerns the named services.
func (c *Config) Check(services ...string) Faults {
	k := c.newChecker(services)
	k.isolation()
	defaults := k.iso.Defaults
	defaults.dropOpen()
	k.resources(defaultsOnly, &defaults)
	for _, name := range k.names {
		k.service(name)
	}
	k.dependencies()
	k.ports()
	k.interfaces()
	return k.faults.sorted(c.files)
}

// checker collects faults. Its methods take paths below the service at hand.
type checker struct {
	config *Config
	iso    Isolation // effective
	names  []string  // of the services to check, sorted
	faults Faults
}

func (c *Config) newChecker(services []string) *checker {
	if len(services) == 0 {
		services = c.names()
	}
	services = slices.DeleteFunc(slices.Clone(services), func(s string) bool { return c.Services[s] == nil })
	return &checker{config: c, iso: c.EffectiveIsolation(), names: services}
}

// names lists the services, sorted.
func (c *Config) names() []string { return slices.Sorted(maps.Keys(c.Services)) }

// has tells whether a key was written, even where its value was unusable.
func (c *Config) has(path string) bool {
	_, ok := c.places[path]
	return ok
}

// fault is about what was written at a whole path.
func (k *checker) fault(path, format string, args ...any) {
	k.faults = append(k.faults, Fault{Place: k.config.places[path], Path: path, Message: fmt.Sprintf(format, args...)})
}

// own is the path of a service's key, or of the service; defaultsOnly has none.
func own(service, key string) string {
	if service == defaultsOnly {
		return ""
	}
	path := join("services", service)
	if key != "" {
		path += "." + key
	}
	return path
}

// defaultsOnly stands for resource_isolation.defaults looked at by themselves.
const defaultsOnly = ""

// written is where the value of a service's key comes from: the path in the
// service where it was written there, else in resource_isolation's defaults or
// security, else empty for a built-in default.
func (k *checker) written(service, key string) string {
	for _, path := range []string{own(service, key), inDefaults(key)} {
		if path != "" && k.config.has(path) {
			return path
		}
	}
	return ""
}

// inDefaults is the path under resource_isolation that a service's key inherits from.
func inDefaults(key string) string {
	if rest, ok := strings.CutPrefix(key, "resources."); ok {
		return "resource_isolation.defaults." + rest
	}
	if _, ok := strings.CutPrefix(key, "security."); ok {
		return "resource_isolation." + key
	}
	return ""
}

// of is a fault of one key of a service, placed where the value was written.
func (k *checker) of(service, key, format string, args ...any) {
	k.fault(or(k.written(service, key), own(service, key)), format, args...)
}

// pair is a fault between two keys of a service. It is placed at the one that
// the service wrote itself, the first if it wrote both, says there what is
// wrong with it, and names the place of the other.
func (k *checker) pair(service, one, other, aboutOne, aboutOther string) {
	inOne, inOther := k.written(service, one), k.written(service, other)
	otherIsOwn := inOther != "" && inOther == own(service, other)
	if inOne == "" || otherIsOwn && inOne != own(service, one) {
		k.fault(or(inOther, own(service, other)), "%s", aboutOther+k.where(inOne))
		return
	}
	k.fault(inOne, "%s", aboutOne+k.where(inOther))
}

// where is the place of the other value, as it ends a message.
func (k *checker) where(path string) string {
	p := k.config.places[path]
	switch {
	case path == "":
		return " (the default)"
	case p.File == "":
		return ""
	}
	return " (" + p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column) + ")"
}

// twice finds items that a list holds more than once.
func (k *checker) twice(path string, items []string, what string) {
	seen := map[string]bool{}
	for i, item := range items {
		if seen[item] {
			k.fault(path+"["+strconv.Itoa(i)+"]", "cannot list the %s %s twice", what, quote(item))
		}
		seen[item] = true
	}
}

// Sorted puts faults of several checks together, in the order of the files and
// each once.
func (c *Config) Sorted(lists ...Faults) Faults {
	return slices.Concat(lists...).sorted(c.files)
}
