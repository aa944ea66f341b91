package hooks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// setting is a file below /proc/sys/net, which shows the namespace of the
// thread that opens it. An interface's name may hold dots, so this is a path
// and not the dotted form of sysctl(8).
func setting(parts ...string) string {
	return filepath.Join(append([]string{"/proc/sys/net"}, parts...)...)
}

// set writes a kernel setting where it is not so yet: a host may keep
// /proc/sys read-only with the right value in it.
func set(path, value string) error {
	if now, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(now)) == value {
		return nil
	}
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		return fmt.Errorf("cannot set %s to %s: %w", path, value, err)
	}
	return nil
}

// isOn tells whether a setting is there and not 0.
func isOn(path string) bool {
	now, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(now)) != "0"
}

// hasIPv6 tells whether the kernel has IPv6 at all (ipv6.disable=1 takes it
// away) and an interface of this namespace may use it.
func hasIPv6(link string) bool {
	now, err := os.ReadFile(setting("ipv6/conf", link, "disable_ipv6"))
	return err == nil && strings.TrimSpace(string(now)) == "0"
}
