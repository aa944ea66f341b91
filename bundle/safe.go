package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"blackhole/internal/cleanup"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// A service may write to some folders of the host, and so may its user. What
// stands in such a folder by the next start is theirs to choose: a link there
// must not choose which folder of the host is made, given away or mounted.

// makeFolder makes a folder whose parent is there. It is changed by descriptors
// alone: by its name it may be another, or a link, a moment later. One that is
// not empty, or that is a link, is not the one that was made.
func makeFolder(path string, to *owner, undo *cleanup.Stack) error {
	parent, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer parent.Close()
	name := filepath.Base(path)
	if err := parent.Mkdir(name, 0o755); err != nil {
		var in *fs.PathError
		if errors.As(err, &in) { // which names the folder alone
			err = &fs.PathError{Op: "mkdir", Path: path, Err: in.Err}
		}
		return err
	}
	undo.Add(removal(path))
	f, err := parent.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if names, err := f.Readdirnames(1); len(names) > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s was exchanged while it was made", path)
	}
	if err := f.Chmod(0o755); err != nil || to == nil {
		return err
	}
	return f.Chown(to.uid, to.gid)
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// checkSources refuses to mount, or to make a folder to mount, through a link
// that somebody else than root and the caller may have put there.
func checkSources(c Contents) error {
	for _, path := range c.Writable {
		if err := checkPath(path); err != nil {
			return err
		}
	}
	for _, mount := range c.Config.Mounts {
		if isBind(mount) && filepath.IsAbs(mount.Source) {
			if err := checkPath(mount.Source); err != nil {
				return err
			}
		}
	}
	return nil
}

func isBind(m specs.Mount) bool {
	for _, option := range m.Options {
		if option == "bind" || option == "rbind" {
			return true
		}
	}
	return m.Type == "bind"
}

// maxLinks is how many links a path may lead through, as many as the kernel
// follows (path_resolution(7)).
const maxLinks = 40

// checkPath goes down a path as far as it is there.
func checkPath(path string) error {
	links := 0
	rest, at := strings.Split(filepath.Clean(path), "/")[1:], "/"
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if links++; links > maxLinks {
			return fmt.Errorf("%s: too many links", path)
		}
		folder, err := os.Lstat(at)
		if err != nil {
			return err
		}
		if who := mayHaveMade(folder, info); who >= 0 {
			return fmt.Errorf("%s leads through %s, a link to %s that user %d may have put there; write the folder that is meant itself", path, next, target, who)
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(strings.Trim(filepath.Clean(target), "/"), "/"), rest...)
	}
	return nil
}

// mayHaveMade is a user, neither root nor the caller, who can have put a link
// into a folder: the owner of one of them, or anybody where the folder lets
// others write. -1 is nobody. In a folder with the sticky bit, as /tmp, others
// cannot exchange the link of its owner.
func mayHaveMade(folder, link fs.FileInfo) int {
	for _, info := range []fs.FileInfo{folder, link} {
		if uid := ownerOf(info); uid != 0 && uid != os.Geteuid() {
			return uid
		}
	}
	if folder.Mode().Perm()&0o002 != 0 && folder.Mode()&fs.ModeSticky == 0 {
		return 65534 // whoever it was
	}
	return -1
}
