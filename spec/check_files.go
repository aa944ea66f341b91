package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// rootfs tells whether there is a root file system to look into.
func (k *hostChecker) rootfs(name string, s *Service) bool {
	root := rootOf(s)
	if root == "/" {
		return true
	}
	switch file, err := lookup(k.host, "/", root); {
	case err != nil:
		k.of(name, "rootfs", "cannot use %s: %v", quote(root), err)
		return false
	case !file.Mode.IsDir():
		k.of(name, "rootfs", "cannot use %s: it is not a folder", quote(root))
		return false
	}
	return true
}

// files checks what the service sees of the host.
func (k *hostChecker) files(name string, s *Service) {
	for i, p := range s.Filesystem.ReadOnly {
		if _, err := lookup(k.host, "/", p); err != nil {
			k.of(name, fmt.Sprintf("filesystem.read_only[%d]", i), "cannot mount %s: %v", quote(p), err)
		}
	}
	for i, p := range s.Filesystem.Writable {
		file, err := lookup(k.host, "/", p)
		if err == nil && !file.Mode.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist) {
			why := "it is not a folder"
			if err != nil {
				why = err.Error()
			}
			k.of(name, fmt.Sprintf("filesystem.writable[%d]", i), "cannot mount %s: %s", quote(p), why)
		}
	}
	if s.Executable != nil {
		k.program(own(name, "executable"), k.seenIn(s, *s.Executable), *s.Executable)
	}
}

// program finds a program that cannot be run; execve(2) has the rules.
func (k *hostChecker) program(at, root, program string) {
	file, err := lookup(k.host, root, program)
	switch {
	case err != nil:
		k.fault(at, "cannot run %s: %v", quote(program), err)
	case file.Mode.IsDir():
		k.fault(at, "cannot run %s: it is a folder", quote(program))
	case !file.Mode.IsRegular():
		k.fault(at, "cannot run %s: it is not a file", quote(program))
	case file.Mode&0o111 == 0:
		k.fault(at, "cannot run %s: it is not executable (mode %04o)", quote(program), file.Mode.Perm())
	}
}

// seenIn is the folder in which the service finds a path: its own root file
// system, but for what is mounted there from the host.
func (k *hostChecker) seenIn(s *Service, p string) string {
	for _, mounted := range slices.Concat(s.Filesystem.Writable, s.Filesystem.ReadOnly) {
		if mounted = path.Clean(mounted); p == mounted || strings.HasPrefix(p, mounted+"/") {
			return "/"
		}
	}
	return rootOf(s)
}

// rootOf is the folder that a service's users and programs are in.
func rootOf(s *Service) string {
	if rootfs := value(s.Rootfs); rootfs != "" && rootfs != rootfsHost {
		return path.Clean(rootfs)
	}
	return "/"
}

// lookup stats a path in a root folder as a process there would find it, links
// followed.
func lookup(h Host, root, p string) (File, error) {
	const maxLinks = 40 // as the kernel, path_resolution(7)
	at := "/"
	rest := strings.Split(p, "/")
	links := 0
	for len(rest) > 0 {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		next := path.Join(at, part) // of "..": the parent, and / above /
		file, err := h.Stat(path.Join(root, next))
		if err != nil {
			return File{}, missing(next, p, err)
		}
		if file.Link == "" {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return File{}, errLinkLoop
		}
		if path.IsAbs(file.Link) {
			at = "/"
		}
		rest = slices.Concat(strings.Split(file.Link, "/"), rest)
	}
	return h.Stat(path.Join(root, at))
}

// missing is the bare cause, and which part of the path or link it is.
func missing(part, whole string, err error) error {
	what := cause(err)
	if errors.Is(err, fs.ErrNotExist) {
		what = unix.ENOENT
	}
	if part == path.Clean(whole) {
		return what
	}
	return fmt.Errorf("%s: %w", part, what)
}
