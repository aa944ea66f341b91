package runtime

import (
	"os"
	"path/filepath"

	"github.com/moby/sys/userns"
	"github.com/opencontainers/cgroups/systemd"
)

// DefaultRoot is /run/NAME for root, and $XDG_RUNTIME_DIR/NAME for everyone
// else that has one. A root of a user namespace counts as an ordinary user
// unless it is named root, as an engine inside a container is.
func DefaultRoot(name string) string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && userRoot() {
		return filepath.Join(dir, name)
	}
	return filepath.Join("/run", name)
}

func userRoot() bool {
	if os.Geteuid() != 0 {
		return true
	}
	if !userns.RunningInUserNS() {
		return false // XDG_RUNTIME_DIR of root's login session goes away with it
	}
	user, set := os.LookupEnv("USER")
	return !set || user != "root"
}

// rootlessCgroups tells whether cgroups may turn out not to be ours to write.
func (r *Runtime) rootlessCgroups() bool {
	switch {
	case r.Rootless != nil:
		return *r.Rootless
	case os.Geteuid() != 0:
		return true
	case !userns.RunningInUserNS():
		return false
	case r.SystemdCgroup:
		// Root inside a user namespace may have a systemd of its own there.
		// Where that cannot be asked, it is taken to be so.
		uid, err := systemd.DetectUID()
		return err == nil && uid != 0
	}
	return true
}
