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

	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
	"blackhole/internal/atomicfile"
)

// book is what the hooks remember between two runs: who has which address, and
// what has to be given back that cannot be told from the container's id. It is
// written before the kernel is touched, so that whatever a killed hook leaves
// is in it.
type book struct {
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

// open locks the folder and reads its book, which is empty where there is none.
// With create it makes the folder; otherwise a missing one gives a book that is
// not locked and not saved.
func (n *Network) open(create bool) (*book, error) {
	folder := n.folder()
	boot, err := bootID()
	if err != nil {
		return nil, err // without it, the book would look like another boot's
	}
	b := &book{Boot: boot, Containers: map[string]*entry{}, path: filepath.Join(folder, bookName)}
	dir, err := lockFolder(folder, create)
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
	var old book
	if err := json.Unmarshal(data, &old); err != nil {
		return fmt.Errorf("cannot read %s: %w", b.path, err)
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
func lockFolder(folder string, create bool) (*os.File, error) {
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
		for {
			if err = unix.Flock(int(dir.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if err != nil {
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
