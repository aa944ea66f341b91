package runtime

import (
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// parentCgroup is the cgroup that holds the services of a host. It is nobody's
// in particular, so the last service takes it along.
const parentCgroup = "blackhole"

// parentMark is an extended attribute of the cgroups that a creation had to
// make above a container's own. Containers share them and are deleted in any
// order: the record of the one that made them may be gone before they are
// empty. Cgroups take attributes of users since kernel 5.7.
const parentMark = "user.blackhole.parent"

// markParents marks those that are there by now. Where the kernel refuses it,
// they go with the container that they were made for, or stay.
func (rec *recordData) markParents() {
	for _, dir := range rec.NewParents {
		_ = unix.Setxattr(dir, parentMark, []byte("1"), 0)
	}
}

// removeCgroupParents removes the cgroups above the container's that a creation
// found missing, and the services' common one, as far as they are empty. Rmdir
// fails on a cgroup that has processes or cgroups in it.
func (r *Runtime) removeCgroupParents(rec *record, lock *rootLock) {
	if rec.Cgroup == nil || rec.Cgroup.Systemd {
		return
	}
	parents := slices.Clone(rec.NewParents)
	for _, path := range rec.CgroupPaths {
		dir := filepath.Dir(path)
		if !childless(dir) {
			continue
		}
		if filepath.Base(dir) == parentCgroup {
			parents = append(parents, dir)
		}
		for ; marked(dir); dir = filepath.Dir(dir) {
			parents = append(parents, dir)
		}
	}
	slices.Sort(parents) // a parent sorts before what is below it
	slices.Reverse(parents)
	parents = slices.Compact(parents)
	if !slices.ContainsFunc(parents, childless) {
		return // so nobody waits for the lock but the last of a cgroup's containers
	}
	r.alone(lock, func() {
		for _, dir := range parents {
			removeEmpty(dir)
		}
	})
}

// removeEmpty removes a cgroup unless it is in use. It tries again where the
// kernel had no memory for it or is not yet through with what was in it: the
// record goes next, and nobody would know of the cgroup any more.
func removeEmpty(dir string) {
	for range 5 {
		switch err := unix.Rmdir(dir); {
		case err == unix.EBUSY && childless(dir), err == unix.ENOMEM, err == unix.EINTR:
			time.Sleep(time.Millisecond)
		default:
			return
		}
	}
}

// childless: a cgroup's folder has a link from each folder in it.
func childless(dir string) bool {
	var st unix.Stat_t
	return unix.Stat(dir, &st) == nil && st.Nlink == 2
}

func marked(dir string) bool {
	_, err := unix.Getxattr(dir, parentMark, nil)
	return err == nil
}
