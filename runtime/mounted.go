package runtime

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"
)

// checkKernelMounts refuses a container whose /proc or /sys is not where it was
// mounted, or lacks what masks it. Libcontainer finds each path when it comes to
// it, and passes over a masked one that is not there: who may rename in the root
// file system meanwhile (another container that it is mounted in) would have
// /proc go elsewhere while its parts are masked, and be whole again. It looks at
// the mounts themselves, once, so that no path is resolved here.
func checkKernelMounts(wanted []string, pid int) error {
	if len(wanted) == 0 {
		return nil
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/mountinfo")
	if err != nil {
		return fmt.Errorf("cannot see the container's mounts: %w", err)
	}
	there := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 4 { // proc_pid_mountinfo(5)
			there[fields[4]] = true
		}
	}
	for _, at := range wanted {
		if !there[at] {
			return fmt.Errorf("nothing is mounted on %s of the container: its root file system was changed meanwhile", at)
		}
	}
	return nil
}

// kernelMounts are wantedMounts of a container whose mounts are its own.
func kernelMounts(config *configs.Config) []string {
	if !config.Namespaces.IsPrivate(configs.NEWNS) {
		return nil
	}
	return wantedMounts(config, func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	})
}

// wantedMounts are /proc and /sys, as far as they are the kernel's, and what is
// masked or read-only of them. The host's own have the same parts, but of what
// goes by network namespace.
func wantedMounts(config *configs.Config, exists func(string) bool) []string {
	var wanted []string
	for _, m := range config.Mounts {
		at := path.Clean(m.Destination)
		if (m.Device != "proc" || at != "/proc") && (m.Device != "sysfs" || at != "/sys") {
			continue
		}
		wanted = append(wanted, at)
		if strings.Contains(m.Data, "subset=") { // a proc of processes alone
			continue
		}
		for _, list := range [][]string{config.MaskPaths, config.ReadonlyPaths} {
			for _, p := range list {
				if p = path.Clean(p); strings.HasPrefix(p, at+"/") && !strings.HasPrefix(p, "/proc/sys/net/") &&
					!strings.HasPrefix(p, "/sys/class/net/") && !strings.ContainsAny(p, " \t\n\\") && exists(p) {
					wanted = append(wanted, p)
				}
			}
		}
	}
	return wanted
}
