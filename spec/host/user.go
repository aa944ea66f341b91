package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/user"

	"blackhole/internal/regular"
	"blackhole/spec"
)

// User looks user and group up in rootfs's /etc/passwd and /etc/group; rootfs
// "", "/" and "host" are the host's own. Both may be names or numbers; an empty
// user is root, an empty group the user's own. The additional groups are those
// that /etc/group lists the user in, whatever the group, as login and systemd
// have it.
// As OCI tools have it, a number without an entry is taken as it is, with group
// 0 and / as its home; a name without an entry fails.
func (h *Host) User(rootfs, name, group string) (spec.User, error) {
	if rootfs == "" || rootfs == "host" {
		rootfs = "/"
	}
	if strings.Contains(name, ":") || strings.Contains(group, ":") {
		return spec.User{}, fmt.Errorf("cannot find user %q, group %q: a name holds no colon", name, group)
	}
	passwd, err := readInRoot(h.at(rootfs), "etc/passwd")
	if err != nil {
		return spec.User{}, fmt.Errorf("cannot find user %q: %w", name, err)
	}
	groups, err := readInRoot(h.at(rootfs), "etc/group")
	if err != nil {
		return spec.User{}, fmt.Errorf("cannot find user %q: %w", name, err)
	}
	find := func(who string) (*user.ExecUser, error) {
		return user.GetExecUser(who, &user.ExecUser{Home: "/"}, bytes.NewReader(passwd), bytes.NewReader(groups))
	}
	found, err := find(name)
	if errors.Is(err, user.ErrNoPasswdEntries) {
		err = fmt.Errorf("no such entry in %s", etcFile(rootfs, "passwd"))
	}
	if err != nil {
		return spec.User{}, fmt.Errorf("cannot find user %q: %w", name, err)
	}
	ids := slices.Clone(found.Sgids)
	result := spec.User{UID: uint32(found.Uid), GID: uint32(found.Gid), Home: found.Home}
	if group != "" {
		with, err := find(name + ":" + group) // leaves out the additional groups
		if errors.Is(err, user.ErrNoGroupEntries) {
			err = fmt.Errorf("no such entry in %s", etcFile(rootfs, "group"))
		}
		if err != nil {
			return spec.User{}, fmt.Errorf("cannot find group %q: %w", group, err)
		}
		result.GID, ids = uint32(with.Gid), append(ids, with.Gid)
	}
	for _, gid := range found.Sgids {
		if uint32(gid) != result.GID {
			result.AdditionalGIDs = append(result.AdditionalGIDs, uint32(gid))
		}
	}
	for _, id := range append(ids, found.Uid, found.Gid) {
		if id < 0 || id >= 1<<32-1 { // cut to 32 bits it would be another's, or root's; the last one is nobody's (chown(2))
			return spec.User{}, fmt.Errorf("cannot use user %q, group %q: %d in %s is no user's or group's number", name, group, id, etcFile(rootfs, "passwd and group"))
		}
	}
	slices.Sort(result.AdditionalGIDs)
	result.AdditionalGIDs = slices.Compact(result.AdditionalGIDs)
	return result, nil
}

func etcFile(rootfs, name string) string { return strings.TrimSuffix(rootfs, "/") + "/etc/" + name }

// maxUsers bounds what is read of a list of users, in bytes; a hundred thousand
// take some 6 MB.
const maxUsers = 16 << 20

// readInRoot reads a file of a root file system. Links that lead out of it are
// refused: a foreign root file system must not choose among the host's files.
// A FIFO or a device, which might be waited for without end, is refused too.
// A missing file is an empty one, as numbers need none.
func readInRoot(rootfs, path string) ([]byte, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(path, regular.Flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := regular.Read(f, maxUsers)
	switch {
	case errors.Is(err, regular.ErrKind):
		err = fmt.Errorf("%s is not a file", etcFile(rootfs, filepath.Base(path)))
	case errors.Is(err, regular.ErrSize):
		err = fmt.Errorf("%s has more than %d bytes", etcFile(rootfs, filepath.Base(path)), maxUsers)
	}
	return data, err
}
