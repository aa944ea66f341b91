package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"blackhole/spec"

	"github.com/moby/sys/user"
)

// User looks user and group up in rootfs's /etc/passwd and /etc/group; rootfs
// "", "/" and "host" are the host's own. Both may be names or numbers; an empty
// user is root, an empty group the user's own, with the additional groups that
// /etc/group lists for the user (a group given by hand comes alone).
// As other OCI tools have it, a number without an entry is taken as it is, with
// group 0 and / as its home; a name without an entry fails.
func (h *Host) User(rootfs, name, group string) (spec.User, error) {
	if rootfs == "" || rootfs == "host" {
		rootfs = "/"
	}
	who := name
	if group != "" {
		who += ":" + group
	}
	if strings.Contains(name, ":") || strings.Contains(group, ":") {
		return spec.User{}, fmt.Errorf("cannot find user %q: a name holds no colon", who)
	}
	passwd, err := openInRoot(h.at(rootfs), "etc/passwd")
	if err != nil {
		return spec.User{}, fmt.Errorf("cannot find user %q: %w", who, err)
	}
	defer passwd.Close()
	groups, err := openInRoot(h.at(rootfs), "etc/group")
	if err != nil {
		return spec.User{}, fmt.Errorf("cannot find user %q: %w", who, err)
	}
	defer groups.Close()

	found, err := user.GetExecUser(who, &user.ExecUser{Home: "/"}, passwd, groups)
	switch {
	case errors.Is(err, user.ErrNoPasswdEntries):
		return spec.User{}, fmt.Errorf("cannot find user %q: no such entry in %s", name, etcFile(rootfs, "passwd"))
	case errors.Is(err, user.ErrNoGroupEntries):
		return spec.User{}, fmt.Errorf("cannot find group %q: no such entry in %s", group, etcFile(rootfs, "group"))
	case err != nil:
		return spec.User{}, fmt.Errorf("cannot find user %q: %w", who, err)
	}
	result := spec.User{UID: uint32(found.Uid), GID: uint32(found.Gid), Home: found.Home}
	for _, gid := range found.Sgids {
		if uint32(gid) != result.GID {
			result.AdditionalGIDs = append(result.AdditionalGIDs, uint32(gid))
		}
	}
	slices.Sort(result.AdditionalGIDs)
	result.AdditionalGIDs = slices.Compact(result.AdditionalGIDs)
	return result, nil
}

func etcFile(rootfs, name string) string { return strings.TrimSuffix(rootfs, "/") + "/etc/" + name }

// openInRoot opens a file of a root file system. Links that lead out of it are
// refused: a foreign root file system must not choose among the host's files.
// A missing file is an empty one, as numbers need none.
func openInRoot(rootfs, path string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}
