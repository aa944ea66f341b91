package hooks

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
)

// linkGroup marks every link that this package makes. The kernel sets it in the
// same message that makes the link, so a hook that is killed right after leaves
// nothing that cannot be recognised; `ip link show group 1651272555` lists them.
const linkGroup = 0x626c6b6b

// aliasPrefix starts the alias (`ip link` shows it) of a container's links; the
// container's id follows.
const aliasPrefix = "blackhole "

// insideName is the name of a container's interface inside its namespace.
const insideName = "eth0"

// linkDigest is 12 characters (60 bits) of a hash of a container's id. A link's
// name has 15 at most (IFNAMSIZ - 1), an id as many as a file's name.
func linkDigest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:8]))[:12]
}

// hostEnd is the end of a container's veth pair that stays on the host.
func hostEnd(id string) string { return "bhv" + linkDigest(id) }

// ifbName is the device through which what a container sends is shaped.
func ifbName(id string) string { return "bhi" + linkDigest(id) }

// checkLinkName is the kernel's dev_valid_name(), and what a path in
// /proc/sys/net and an `ip` command line can take.
func checkLinkName(name string) error {
	switch {
	case name == "":
		return errors.New("an interface's name is empty")
	case len(name) > 15:
		return fmt.Errorf("interface name %q has %d characters, 15 are possible", name, len(name))
	case name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n\v\f\r"):
		return fmt.Errorf("%q cannot be an interface's name", name)
	}
	return nil
}

// checkFileName refuses what cannot be the name of a file in /run/netns.
func checkFileName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00\n") {
		return fmt.Errorf("%q cannot be the name of a network namespace", name)
	}
	return nil
}
