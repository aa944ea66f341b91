package spec

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

func ptr[T any](v T) *T { return &v }

// builtinIsolation is what holds on a host whose file does not say otherwise.
// With builtinService it is the one place of the built-in defaults. Limits have
// none: what nobody limits stays unlimited.
func builtinIsolation() Isolation {
	return Isolation{
		Cgroup: Cgroup{
			Version:     ptr(CgroupAuto),
			RootPath:    ptr("/sys/fs/cgroup"),
			Controllers: []string{"cpu", "memory", "io", "pids"},
		},
		Security: Security{
			User:           ptr(""), // root
			Group:          ptr(""), // the user's own
			NoNewPrivs:     ptr(true),
			Capabilities:   []string{"CAP_NET_BIND_SERVICE"},
			SeccompProfile: ptr("default"),
		},
		Network: HostNet{
			Bridge:     ptr("blackhole0"),
			Subnet:     &Subnet{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 88, 0, 0}), 16)},
			Masquerade: ptr(true),
		},
		Monitor: Monitor{
			Interval:       ptr(Duration(5 * time.Second)),
			AlertAt:        ptr(Fraction(0.8)),
			MemoryCritical: ptr(Fraction(0.95)),
			ThrottledFor:   ptr(Duration(30 * time.Second)),
			FDsAt:          ptr(Fraction(0.9)),
			History:        ptr(Duration(7 * 24 * time.Hour)),
		},
	}
}

// builtinService is what a service gets that says nothing.
func builtinService() Service {
	return Service{
		WorkingDir: ptr("/"),
		Rootfs:     ptr(rootfsHost),
		Priority:   ptr(PriorityNormal),
		Restart: Restart{
			Policy:     ptr(RestartOnFailure),
			MaxRetries: ptr(uint(5)),
			Backoff:    ptr(Duration(100 * time.Millisecond)),
			MaxBackoff: ptr(Duration(30 * time.Second)),
		},
		Stop: Stop{Signal: ptr(Signal(15)), Timeout: ptr(Duration(10 * time.Second))}, // SIGTERM
		Logs: Logs{MaxSize: ptr(Size(10 << 20)), MaxFiles: ptr(uint(3))},
	}
}

// What a service gets only beside a key that it has.
func builtinHealthCheck() HealthCheck {
	return HealthCheck{
		Interval: ptr(Duration(10 * time.Second)),
		Timeout:  ptr(Duration(2 * time.Second)),
		Retries:  ptr(uint(3)),
	}
}

const (
	builtinPeriod    = Period(100 * time.Millisecond) // with a quota
	builtinTmpfsSize = Size(64 << 20)                 // of an entry of filesystem.tmpfs
)

// EffectiveIsolation is the key resource_isolation with the built-in defaults
// where the file says nothing. Its Defaults are as written.
func (c *Config) EffectiveIsolation() Isolation {
	iso := c.Isolation
	inherit(&iso, builtinIsolation())
	return iso
}

// Service is a service with all defaults merged in, key by key: its own key
// comes first, then what its own priority says of weights, then
// resource_isolation's defaults and security, then the built-in defaults.
// Limits that nobody set stay nil. So does oom_score_adj where only the
// priority says it: a host that cannot lower it is a warning then, not a fault.
//
// It fails where there is no service of that name.
func (c *Config) Service(name string) (*Service, error) {
	s, err := c.merged(name)
	if err == nil {
		s.Resources.dropOpen()
	}
	return s, err
}

// merged is Service with the limits that the service lifted still told from
// those that nobody set.
func (c *Config) merged(name string) (*Service, error) {
	own := c.Services[name]
	if own == nil {
		return nil, c.noService(name)
	}
	s := *own
	iso := c.EffectiveIsolation()

	s.Network.Mode = first(own.Network.Mode, own.Resources.Network.Mode, iso.Defaults.Network.Mode, ptr(NetworkIsolated))
	s.Resources.Network.Mode = s.Network.Mode
	if !s.shaped() {
		iso.Defaults.Network.Bandwidth = Bandwidth{} // there is no interface of its own to shape
	}
	if quota := own.Resources.CPU.Quota; quota != nil && isOpen(reflect.ValueOf(*quota)) {
		iso.Defaults.CPU.Burst = nil // it is saved from the quota
	}
	s.applyPriority(iso.Cgroup.Controllers)
	inherit(&s.Resources, iso.Defaults)
	inherit(&s.Security, iso.Security)
	inherit(&s, builtinService())

	if cpu := &s.Resources.CPU; cpu.Quota != nil && cpu.Period == nil && !isOpen(reflect.ValueOf(*cpu.Quota)) {
		cpu.Period = ptr(builtinPeriod)
	}
	s.Filesystem.Tmpfs = slices.Clone(s.Filesystem.Tmpfs)
	for i := range s.Filesystem.Tmpfs {
		inherit(&s.Filesystem.Tmpfs[i], Tmpfs{Size: ptr(builtinTmpfsSize)})
	}
	if s.HealthCheck != nil {
		s.HealthCheck = ptr(*s.HealthCheck)
		inherit(s.HealthCheck, builtinHealthCheck())
	}
	return &s, nil
}

// Effective is the whole configuration with all defaults merged in.
func (c *Config) Effective() *Config {
	e := &Config{Isolation: c.EffectiveIsolation(), Services: map[string]*Service{}}
	for name := range c.Services {
		e.Services[name], _ = c.merged(name) // it is there
	}
	return e
}

func (c *Config) noService(name string) error {
	names := c.names()
	if near := nearestWord(name, names); near != "" {
		return fmt.Errorf("cannot find service %s, did you mean %s?", quote(name), quote(near))
	}
	if len(names) == 0 {
		return fmt.Errorf("cannot find service %s: the configuration has no services", quote(name))
	}
	return fmt.Errorf("cannot find service %s", quote(name))
}

// shaped tells whether the service has an interface of its own on the bridge.
func (s *Service) shaped() bool {
	return *s.Network.Mode == NetworkIsolated && s.Network.Namespace == nil
}

// applyPriority sets the weights that the service's own priority stands for,
// where it did not set them by hand and the controller is in use.
func (s *Service) applyPriority(controllers []string) {
	p := (&translator{service: s}).ofPriority()
	if p == nil {
		return
	}
	if s.Resources.CPU.Shares == nil && slices.Contains(controllers, "cpu") {
		s.Resources.CPU.Shares = &p.shares
	}
	if s.Resources.IO.Weight == nil && slices.Contains(controllers, "io") {
		s.Resources.IO.Weight = &p.weight
	}
}

func first[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

// inherit fills what is unset in *to from a value of the same type: pointers
// and lists as a whole, structures and maps key by key. What it takes over is
// shared, and not to be changed through *to.
func inherit[T any](to *T, from T) {
	inheritValue(reflect.ValueOf(to).Elem(), reflect.ValueOf(from))
}

func inheritValue(to, from reflect.Value) {
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			if to.Field(i).CanSet() {
				inheritValue(to.Field(i), from.Field(i))
			}
		}
	case reflect.Map:
		if from.Len() == 0 {
			if to.IsNil() {
				to.Set(from)
			}
			return
		}
		merged := reflect.MakeMap(to.Type()) // the file's own map stays as it is
		for _, m := range []reflect.Value{from, to} {
			for iter := m.MapRange(); iter.Next(); {
				merged.SetMapIndex(iter.Key(), iter.Value())
			}
		}
		to.Set(merged)
	case reflect.Pointer, reflect.Slice:
		if to.IsNil() {
			to.Set(from)
		}
	}
}
