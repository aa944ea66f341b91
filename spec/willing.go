package spec

import (
	"errors"
	"io/fs"
	"path"
	"slices"
)

// Willing is a host like h that has and may do whatever a service asks for: its
// user, folders, disks and privileges. What a configuration says can be told on
// it where the service could not run, as on a machine that only checks files.
func Willing(h Host, c *Config, service string) (Host, error) {
	s, err := c.Service(service)
	if err != nil {
		return nil, err
	}
	w := &willing{Host: h, v2: value(c.Isolation.Cgroup.Version) == CgroupV2}
	w.folders = slices.Concat(keyFolders(), s.Filesystem.ReadOnly, []string{rootOf(s), value(s.WorkingDir)})
	w.files = []string{value(s.Executable)}
	return w, nil
}

type willing struct {
	Host
	v2             bool // whatever the host has
	folders, files []string
}

func (w *willing) CgroupVersion(root string) int {
	if w.v2 {
		return 2
	}
	return w.Host.CgroupVersion(root)
}

// User is nobody in particular where there is no such user: not root.
func (w *willing) User(rootfs, user, group string) (User, error) {
	u, err := w.Host.User(rootfs, user, group)
	if err != nil {
		const nobody = 65534
		u = User{UID: nobody, GID: nobody}
		if user == "" || user == "root" || user == "0" {
			u.UID = 0
		}
	}
	return u, nil
}

func (w *willing) Disks(path string) ([]Disk, error) {
	disks, err := w.Host.Disks(path)
	if err != nil {
		return []Disk{{Name: "disk"}}, nil //nolint:nilerr // any will do
	}
	return disks, nil
}

func (w *willing) Stat(at string) (File, error) {
	file, err := w.Host.Stat(at)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	at = path.Clean(at)
	around := func(wanted string) bool {
		for wanted = path.Clean(wanted); wanted != "/" && wanted != "."; wanted = path.Dir(wanted) {
			if wanted == at {
				return true
			}
		}
		return false
	}
	switch {
	case slices.ContainsFunc(w.files, func(f string) bool { return path.Clean(f) == at }):
		return File{Mode: 0o755}, nil
	case slices.ContainsFunc(w.folders, around), slices.ContainsFunc(w.files, around):
		return File{Mode: fs.ModeDir | 0o755}, nil
	}
	return file, err
}

func (*willing) HardLimit(string) (uint64, error)     { return Infinity, nil }
func (*willing) HasCapability(string) bool            { return true }
func (*willing) OOMScoreAdj() int                     { return -1000 }
func (*willing) CgroupFile(_, _ string) bool          { return true }
func (*willing) Controllers(string) ([]string, error) { return controllers(), nil }
