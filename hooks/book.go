package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
	"blackhole/internal/atomicfile"
	"blackhole/internal/fileversion"
)

// book is what the hooks remember between two runs: who has which address, and
// what has to be given back that cannot be told from the container's id. It is
// written before the kernel is touched, so that whatever a killed hook leaves
// is in it.
type book struct {
	Version int `json:"version"` // absent in those of before there were versions
	// Boot is the kernel's boot id. After another boot nothing of the book is
	// true any more, even where /run is on a disk.
	Boot       string            `json:"boot"`
	Containers map[string]*entry `json:"containers"`
	// NamesMounted says that the folder of names is a mount by us.
	NamesMounted bool `json:"names_mounted,omitempty"`

	path   string
	folder *os.File // locked
}

// entry is one container.
type entry struct {
	ID         string       `json:"id"`
	PID        int          `json:"pid"`
	Start      uint64       `json:"start"` // of the process, clock ticks after boot (proc(5), stat field 22)
	Bundle     string       `json:"bundle,omitempty"`
	Mode       string       `json:"mode"`
	Name       string       `json:"name"`                // on the network, and of the namespace
	Namespace  namespaceID  `json:"namespace"`           // the container's
	Named      bool         `json:"named,omitempty"`     // its name in /run/netns is ours
	Group      uint32       `json:"group,omitempty"`     // of its links
	Bridge     string       `json:"bridge,omitempty"`    // with what follows only in mode isolated
	Subnet     netip.Prefix `json:"subnet,omitzero"`     //
	Address    netip.Addr   `json:"address,omitzero"`    // IPv4
	Address6   netip.Addr   `json:"address6,omitzero"`   //
	Gateway    netip.Addr   `json:"gateway,omitzero"`    // the bridge's own address
	Masquerade bool         `json:"masquerade,omitzero"` //

	Ports     []params.Port `json:"ports,omitempty"`
	Moved     []movedLink   `json:"moved,omitempty"`
	Bandwidth Bandwidth     `json:"bandwidth,omitzero"`
	// OuterEnd is the index of the link that is shaped in a network that
	// somebody else made.
	OuterEnd int `json:"outer_end,omitempty"`
}

// bookName is the book's file in the hooks' folder.
const bookName = "book.json"

// bookVersion rises when an older blackhole would give back too little, or
// something else, by a newer one's book.
const bookVersion = 1

// open locks the folder and reads its book, which is empty where there is none.
// With create it makes the folder; otherwise a missing one gives a book that is
// not locked and not saved.
func (n *Network) open(create bool) (*book, error) {
	folder := n.folder()
	boot, err := bootID()
	if err != nil {
		return nil, err // without it, the book would look like another boot's
	}
	b := &book{Version: bookVersion, Boot: boot, Containers: map[string]*entry{}, path: filepath.Join(folder, bookName)}
	dir, err := lockFolder(folder, create, n.Patience)
	if errors.Is(err, fs.ErrNotExist) && !create {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", folder, err)
	}
	b.folder = dir
	err = atomicfile.Sweep(b.path) // of a hook that was killed; we have the lock
	if err == nil {
		err = b.read(n.names())
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *book) read(names string) error {
	data, err := os.ReadFile(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err // names the file
	}
	old, err := decodeBook(b.path, data)
	if err != nil {
		return err
	}
	if old.Boot == b.Boot && old.Containers != nil {
		b.Containers, b.NamesMounted = old.Containers, old.NamesMounted
		return nil
	}
	// Of another boot: the addresses are free, and of the names there are the
	// empty files that namespaces were bound to, where /run is on a disk.
	errs := []error{b.save()}
	for _, e := range old.Containers {
		if e.Named {
			errs = append(errs, unnameNamespace(names, e.Name, namespaceID{}))
		}
	}
	return errors.Join(errs...)
}

// decodeBook reads a book and refuses one by which something else would be taken
// away than what the hooks made.
func decodeBook(path string, data []byte) (*book, error) {
	b := &book{}
	err := json.Unmarshal(data, b) // goes on after a wrong type
	if verr := fileversion.Check(path, b.Version, bookVersion); verr != nil {
		return nil, verr
	}
	for id, e := range b.Containers {
		if err == nil {
			err = e.check(id)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w; without it, blackhole gc finds by the kernel's own marks what is left", path, err)
	}
	return b, nil
}

// check: the entry becomes part of paths, and says which links to remove.
func (e *entry) check(id string) error {
	var err error
	switch {
	case e == nil:
		return fmt.Errorf("container %q is null", id)
	case id == "" || e.ID != id:
		return fmt.Errorf("container %q has the id %q", id, e.ID)
	case e.Group != 0 && (e.Group>>16 != groupMark || e.Group == bridgeGroup):
		err = fmt.Errorf("%d is not a group of a container's links", e.Group)
	case e.Bundle != "" && (!filepath.IsAbs(e.Bundle) || filepath.Clean(e.Bundle) != e.Bundle):
		err = fmt.Errorf("%q is not a bundle", e.Bundle)
	case e.Name != "" || e.Named:
		err = checkFileName(e.Name)
	}
	if err == nil && e.Bridge != "" {
		err = errors.Join(checkLinkName(e.Bridge), checkSubnet(e.Subnet))
	}
	if err != nil {
		return fmt.Errorf("container %q: %w", id, err)
	}
	return nil
}

// save writes the book, or removes it when it is empty.
func (b *book) save() error {
	if b.folder == nil {
		return nil
	}
	if len(b.Containers) == 0 {
		if err := os.Remove(b.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return atomicfile.Write(b.path, data, 0o600)
}

// close unlocks the folder, and removes it when no container is left.
func (b *book) close() {
	if b.folder == nil {
		return
	}
	if len(b.Containers) == 0 {
		_ = os.Remove(b.folder.Name()) // fails, rightly, where something is in it
	}
	b.folder.Close() // the lock goes with the description
	b.folder = nil
}

// lockFolder takes flock(2) on the folder itself: no lock file is left over,
// and the lock of a killed process is gone with it.
func lockFolder(folder string, create bool, patience time.Duration) (*os.File, error) {
	for {
		if create {
			err := os.MkdirAll(folder, 0o700)
			if errors.Is(err, fs.ErrExist) {
				continue // it was there, and its last user removed it before the second look
			}
			if err != nil {
				return nil, err
			}
		}
		dir, err := os.Open(folder)
		if errors.Is(err, fs.ErrNotExist) && create {
			continue // the same, a moment later
		}
		if err != nil {
			return nil, err
		}
		if err = lock(int(dir.Fd()), patience); err != nil {
			dir.Close()
			return nil, &fs.PathError{Op: "flock", Path: folder, Err: err}
		}
		// Whoever waited for the lock may hold a folder that was removed
		// meanwhile.
		held, err := dir.Stat()
		if err != nil {
			dir.Close()
			return nil, err
		}
		if there, err := os.Stat(folder); err == nil && os.SameFile(held, there) {
			return dir, nil
		}
		dir.Close()
	}
}

// lock is flock(2), for no longer than patience where that is not 0. The kernel has
// those who wait in a row: a hundred processes that asked again and again instead took
// ten times as long.
func lock(fd int, patience time.Duration) error {
	var late <-chan time.Time
	if patience > 0 {
		late = time.After(patience)
	}
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	for errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		done := make(chan error, 1)
		go func() { done <- unix.Flock(fd, unix.LOCK_EX) }()
		select {
		case err = <-done:
		case <-late:
			// A lock that comes now goes with the file, which the caller closes and
			// only the call still has.
			return unix.EWOULDBLOCK
		}
	}
	return err
}

// bootFile is different after each boot (random(4)); tests have another.
var bootFile = "/proc/sys/kernel/random/boot_id"

func bootID() (string, error) {
	data, err := os.ReadFile(bootFile)
	if err != nil {
		return "", fmt.Errorf("cannot tell which boot this is: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// startTime is when a process was started, in clock ticks after boot: with the
// number it names one process, where the number alone is used again. It is 0
// when there is no such process, or when it is a zombie.
func startTime(pid int) uint64 {
	start, err := readStartTime(pid)
	if err != nil {
		return 0
	}
	return start
}

// readStartTime fails where nobody can tell whether there is such a process.
func readStartTime(pid int) (uint64, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if isGone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	// The second field, in parentheses, is the program's name and may hold
	// anything, so the count begins after its end: field 3.
	_, rest, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return 0, nil
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// isGone: a file of a process that has ended, before or after it was opened.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH)
}

// alive tells whether the container's first process still runs, or may.
func (e *entry) alive() bool {
	if e.PID <= 0 || e.Start == 0 {
		return false
	}
	start, err := readStartTime(e.PID)
	return err != nil || start == e.Start
}
