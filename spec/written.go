package spec

import "strings"

// Written tells where the value of a service's key comes from: the key's path
// in the service, in resource_isolation's defaults or in its security, with the
// place of the value. set is false where nobody wrote it: then path is where it
// belongs in the service, and the place that of the nearest key around it, or of
// the service. key is as in "resources.memory.limit".
func (c *Config) Written(service, key string) (path string, at Place, set bool) {
	k := &checker{config: c}
	if path := k.written(service, key); path != "" {
		return path, c.places[path], true
	}
	for part := key; ; {
		at, ok := c.places[own(service, part)]
		if ok || part == "" {
			return own(service, key), at, false
		}
		part = part[:max(0, strings.LastIndexByte(part, '.'))]
	}
}

// String is FILE:LINE:COLUMN, empty for nowhere.
func (p Place) String() string {
	return strings.TrimSuffix(Fault{Place: p}.String(), ": ")
}
