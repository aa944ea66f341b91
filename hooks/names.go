package hooks

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
)

// Every link that this package makes is in a group (ip-link(8)) of ours. The
// kernel sets it in the same message that makes the link, so a hook that is
// killed right after leaves nothing that cannot be recognised. The upper 16
// bits of a group say that it is ours; the lower are 0 for bridges, and a number
// of its own for each container, whose links the kernel so removes in one go.
const (
	groupMark   = 0x626c
	bridgeGroup = groupMark << 16 // 1651245056
)

func isOurs(link netlink.Link) bool { return link.Attrs().Group>>16 == groupMark }

// takeGroup chooses the group of a container's links.
func (b *book) takeGroup(id string) uint32 {
	taken := map[uint32]bool{}
	for _, e := range b.Containers {
		taken[e.Group] = true
	}
	const numbers = 1<<16 - 1
	sum := sha256.Sum256([]byte(id))
	start := uint32(binary.BigEndian.Uint16(sum[:]))
	for i := range uint32(numbers) {
		if group := bridgeGroup + 1 + (start+i)%numbers; !taken[group] {
			return group
		}
	}
	return 0 // more containers than bridges have ports (1024 each)
}

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
