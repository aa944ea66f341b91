package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/utils"
	"golang.org/x/sys/unix"

	"blackhole/internal/fileversion"
	"blackhole/runtime/ahead"
)

// record is a file beside a container's folder, written before anything of
// the container is made and removed after all of it is gone. It holds what it
// takes to undo a creation that was killed at any point, when libcontainer has
// saved nothing yet; the poststop hooks, which libcontainer would run only
// once and not at all if a cgroup resists; and the poststart hooks, which it
// would run before the program.
//
// Its lock (flock(2), which the kernel drops when the holder dies) keeps two
// commands from creating or deleting one container at the same time.
type record struct {
	file *os.File
	path string
	recordData
	// destroying: a deletion has begun, so a missing folder means that the
	// poststop hooks alone are still to run, not that nothing was made yet.
	destroying bool
	// damaged is why the file cannot be read. One that was cut short when its
	// writer was killed is that too, and nothing was made then.
	damaged error
}

// recordVersion rises when an older blackhole would undo too little, or something
// else, by a newer one's record.
const recordVersion = 1

type recordData struct {
	Version     int                `json:"version"` // absent in those of before there were versions
	Bundle      string             `json:"bundle"`
	Annotations map[string]string  `json:"annotations,omitempty"`
	Cgroup      *cgroups.Cgroup    `json:"cgroup"`
	CgroupPaths map[string]string  `json:"cgroup_paths"`
	NewParents  []string           `json:"new_cgroup_parents,omitempty"`
	Poststart   []*configs.Command `json:"poststart,omitempty"`
	Poststop    []*configs.Command `json:"poststop,omitempty"`
	// Whole is what package ahead made and state.json does not have: criu must
	// know it.
	Whole *ahead.Whole `json:"made_ahead,omitempty"`
}

// destroyingMark is put at the file's end by one write, which makes it whole or
// not there. The place for it is written with the record: what is to be deleted
// may be on a full disk.
const destroyingMark = "\ndestroying\n"

// page is what a file system allots, or less.
const page = 4096

// lockPatience is how long a deletion waits for a creation or another deletion
// of the same container; hooks may take their time.
const lockPatience = 10 * time.Second

var errLocked = errors.New("container is being created or deleted by another process")

// recordPath is outside the container's folder, because libcontainer insists
// on making that; @ cannot be part of an id.
func (r *Runtime) recordPath(id string) string {
	return filepath.Join(r.Root, "@"+id+".json")
}

// newRecordData collects what must be known to undo a creation, of which m manages
// the cgroups, and takes the hooks that are ours to run.
func newRecordData(config *configs.Config, m cgroups.Manager) recordData {
	d := recordData{Version: recordVersion, CgroupPaths: map[string]string{}}
	d.Bundle, d.Annotations = utils.Annotations(config.Labels)
	cg := *config.Cgroups
	cg.Resources = &cgroups.Resources{} // the limits do not matter for removal, but v1 wants some
	d.Cgroup = &cg
	for controller, path := range m.GetPaths() {
		d.CgroupPaths[controller] = path
		if !cg.Systemd {
			for dir := filepath.Dir(path); missing(dir); dir = filepath.Dir(dir) {
				d.NewParents = append(d.NewParents, dir)
			}
		}
	}
	slices.Sort(d.NewParents)
	d.NewParents = slices.Compact(d.NewParents)
	d.Poststart = takeHooks(config, configs.Poststart)
	d.Poststop = takeHooks(config, configs.Poststop)
	return d
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// newRecord writes and locks the record of a container that is about to be
// made. It fails with libcontainer.ErrExist where there is one already.
func (r *Runtime) newRecord(id string, d recordData) (*record, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	if room := page - len(data)%page; room < len(destroyingMark) { // it is not to lie in two of them
		data = append(data, bytes.Repeat([]byte{' '}, room)...)
	}
	data = append(data, noMark()...)
	path := r.recordPath(id)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return nil, libcontainer.ErrExist
		}
		if err != nil {
			return nil, err
		}
		// Between the two calls a deletion may take the empty file for what a
		// killed creation left, and remove it.
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			f.Close()
			return nil, os.NewSyscallError("flock", err)
		}
		if !sameFile(f, path) {
			f.Close()
			continue
		}
		rec := &record{file: f, path: path, recordData: d}
		if _, err := f.Write(data); err != nil {
			return nil, errors.Join(err, rec.remove())
		}
		return rec, nil
	}
}

// openRecord locks the record of a container, and waits for it up to
// lockPatience. There is none (nil) for a container that something else than
// this package made.
func (r *Runtime) openRecord(id string) (*record, error) {
	path := r.recordPath(id)
	for deadline := time.Now().Add(lockPatience); ; {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && sameFile(f, path) {
			rec := &record{file: f, path: path}
			if err := rec.read(); err != nil {
				f.Close()
				return nil, err
			}
			return rec, nil
		}
		f.Close()
		switch {
		case err == nil, errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, os.NewSyscallError("flock", err)
		case time.Now().After(deadline):
			return nil, errLocked
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// locked tells whether the container is being created or deleted right now.
func (r *Runtime) locked(id string) bool {
	f, err := os.Open(r.recordPath(id))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

func (rec *record) read() error {
	data, err := os.ReadFile(rec.path)
	if err != nil {
		return err
	}
	data, _, rec.destroying = cut(data, destroyingMark)
	if rec.damaged = json.Unmarshal(data, &rec.recordData); rec.damaged != nil { // it goes on after a wrong type
		rec.damaged = fmt.Errorf("cannot read %s: %w", rec.path, rec.damaged)
	}
	if err := fileversion.Check(rec.path, rec.Version, recordVersion); err != nil {
		return err
	}
	if rec.damaged != nil {
		rec.recordData = recordData{}
	}
	if rec.Cgroup != nil && rec.Cgroup.Resources == nil {
		rec.Cgroup.Resources = &cgroups.Resources{} // the empty one is not saved
	}
	return nil
}

func cut(data []byte, mark string) (before, after []byte, found bool) {
	return bytes.Cut(data, []byte(mark))
}

// markDestroying is called before the container's folder goes.
func (rec *record) markDestroying() error {
	if rec.destroying {
		return nil
	}
	info, err := rec.file.Stat()
	if err != nil {
		return err
	}
	at, end := info.Size(), make([]byte, len(destroyingMark))
	if place := at - int64(len(end)); place >= 0 {
		if _, err := rec.file.ReadAt(end, place); err != nil {
			return err
		}
		if bytes.Equal(end, noMark()) { // no place where an older build wrote the record
			at = place
		}
	}
	_, err = rec.file.WriteAt([]byte(destroyingMark), at)
	rec.destroying = err == nil
	return err
}

// noMark keeps the place of destroyingMark; to JSON it is nothing.
func noMark() []byte { return bytes.Repeat([]byte{' '}, len(destroyingMark)) }

// unlock leaves the record to whoever deletes the container.
func (rec *record) unlock() {
	if rec != nil {
		rec.file.Close()
	}
}

// remove comes last of all.
func (rec *record) remove() error {
	err := os.Remove(rec.path)
	rec.file.Close()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}
