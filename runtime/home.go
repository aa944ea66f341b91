package runtime

import (
	"bytes"
	"errors"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"

	"blackhole/internal/regular"
)

// A process without $HOME has the one of its user in the container's list of
// users. Libcontainer looks that up inside, with the runtime's privileges and
// whatever stands there: a FIFO is waited for, /proc/kmsg is the host's log. So
// it is done here, and only a file is read.

// maxUsers is the most that is read of a list of users, in bytes.
const maxUsers = 16 << 20

func hasHome(env []string) bool {
	home := ""
	for _, variable := range env { // the last one counts
		if value, ok := strings.CutPrefix(variable, "HOME="); ok {
			home = value
		}
	}
	return home != ""
}

// homeBelow is the home of a user by the list of users of a root; "/" where that
// tells nothing.
func homeBelow(root string, uid int) string {
	const none = "/"
	data, err := readUsers(root)
	if err != nil {
		return none
	}
	found, err := user.ParsePasswdFilter(bytes.NewReader(data), func(u user.User) bool { return u.Uid == uid })
	if err != nil || len(found) == 0 || found[0].Home == "" { // libcontainer would take an empty one for none
		return none
	}
	return found[0].Home
}

func readUsers(root string) ([]byte, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	// With O_PATH nothing is opened yet: no FIFO is waited for, no device woken.
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(dir, "etc/passwd", how)
	for tries := 0; errors.Is(err, unix.EAGAIN) && tries < 100; tries++ { // somebody renames
		fd, err = unix.Openat2(dir, "etc/passwd", how)
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var kind unix.Statfs_t
	if err := unix.Fstatfs(fd, &kind); err != nil {
		return nil, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG || kind.Type == unix.PROC_SUPER_MAGIC {
		return nil, regular.ErrKind
	}
	f, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), regular.Flags, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return regular.Read(f, maxUsers)
}

// homeBeforeMounts is homeBelow for a container that is not made yet. What is
// mounted on the list of users is only seen inside.
func homeBeforeMounts(config *configs.Config, uid int) (string, bool) {
	for _, m := range config.Mounts {
		if at := path.Clean("/" + m.Destination); at == "/" || at == "/etc" || at == "/etc/passwd" {
			return "", false
		}
	}
	return homeBelow(config.Rootfs, uid), true
}
