// Package bundle writes and reads OCI bundles: a folder with config.json and,
// for services whose root file system is a view of the host, a folder "rootfs"
// of mount points and links. It knows nothing of services; what it writes any
// OCI runtime runs.
package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"blackhole/internal/atomicfile"
	"blackhole/internal/cleanup"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// The names inside a bundle that the OCI runtime specification (config.json)
// and custom (rootfs) give.
const (
	ConfigName = "config.json"
	RootfsName = "rootfs"
)

// HostsName is the file in a bundle that config.json binds to the container's
// /etc/hosts.
const HostsName = "hosts"

// markAnnotation is in every bundle that Write made; one without it is not ours
// to replace.
const markAnnotation = "io.blackhole.service"

// Contents is what a bundle holds.
type Contents struct {
	Config *specs.Spec // with the annotation io.blackhole.service

	// What is made in the bundle's own rootfs, by absolute path inside; all
	// empty for a root file system elsewhere.
	Links map[string]string // symbolic links, path to target
	Dirs  []string
	Files []string // empty files, to mount on

	// Hosts is the first content of the bundle's hosts file; none is made when
	// it is empty. One that is there is left: a running container sees it.
	Hosts string

	// Writable are folders of the host, outside the bundle, that are made if
	// they are missing, with their parents, and given to Config.Process.User.
	// One that is there is left as it is.
	Writable []string
}

// Write makes a bundle in dir, with its parents. dir may be missing, empty or a
// bundle that Write made before: then its config.json is replaced, and its
// rootfs gets what it lacks. Anything else there is refused. When Write fails,
// all that it made is gone again.
func Write(dir string, c Contents) error {
	if err := write(dir, c); err != nil {
		return fmt.Errorf("cannot write bundle %s: %w", dir, err)
	}
	return nil
}

func write(dir string, c Contents) (err error) {
	if c.Config == nil || c.Config.Annotations[markAnnotation] == "" {
		return fmt.Errorf("the configuration has no annotation %s", markAnnotation)
	}
	data, err := Encode(c.Config)
	if err != nil {
		return err
	}
	if err := ours(dir); err != nil {
		return err
	}
	if err := checkSources(c); err != nil {
		return err
	}
	var undo cleanup.Stack
	defer func() { err = errors.Join(err, undo.Run()) }()

	if err := makeDirs(dir, &undo); err != nil {
		return err
	}
	if c.Config.Root != nil && c.Config.Root.Path == RootfsName {
		if err := writeRootfs(filepath.Join(dir, RootfsName), c, &undo); err != nil {
			return err
		}
	}
	if err := makeWritable(c, &undo); err != nil {
		return err
	}
	if c.Hosts != "" {
		if err := makeHosts(filepath.Join(dir, HostsName), c.Hosts, &undo); err != nil {
			return err
		}
	}
	// Last: a folder with a config.json is a whole bundle. For root alone, as
	// the environment of a service may hold passwords.
	if err := atomicfile.Write(filepath.Join(dir, ConfigName), data, 0o600); err != nil {
		return err
	}
	undo.Release()
	return nil
}

// Encode is a config.json as it stands on disk and on standard output.
func Encode(config *specs.Spec) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // people read it
	e.SetIndent("", "\t")
	if err := e.Encode(config); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// ours tells why dir cannot be written to: it holds something that Write did
// not make.
func ours(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); name != ConfigName && name != RootfsName && name != HostsName {
			return fmt.Errorf("it is not empty: it holds %s", name)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	data, err := readLimited(filepath.Join(dir, ConfigName))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("it is not empty: it holds %s", entries[0].Name())
	}
	if err != nil {
		return err
	}
	var old struct{ Annotations map[string]string }
	if err := json.Unmarshal(data, &old); err != nil || old.Annotations[markAnnotation] == "" {
		return fmt.Errorf("it holds the bundle of somebody else: its %s has no annotation %s", ConfigName, markAnnotation)
	}
	return nil
}

// writeRootfs makes the folder of mount points.
func writeRootfs(rootfs string, c Contents, undo *cleanup.Stack) error {
	if err := makeDirs(rootfs, undo); err != nil {
		return err
	}
	for _, at := range slices.Sorted(slices.Values(c.Dirs)) {
		if err := makeDirs(filepath.Join(rootfs, at), undo); err != nil {
			return err
		}
	}
	for _, mount := range c.Config.Mounts {
		if mode, ok := tmpfsMode(mount); ok && slices.Contains(c.Dirs, mount.Destination) {
			// runc before 1.2 gives a tmpfs the mode of its mount point, whatever its options say.
			if err := changeMode(filepath.Join(rootfs, mount.Destination), mode, undo); err != nil {
				return err
			}
		}
	}
	for _, at := range c.Files {
		if err := makeFile(filepath.Join(rootfs, at), undo); err != nil {
			return err
		}
	}
	for _, at := range slices.Sorted(maps.Keys(c.Links)) {
		if err := makeLink(filepath.Join(rootfs, at), c.Links[at], undo); err != nil {
			return err
		}
	}
	return nil
}

// tmpfsMode is the option mode= of a tmpfs mount, octal as tmpfs(5) has it.
func tmpfsMode(mount specs.Mount) (fs.FileMode, bool) {
	if mount.Type != "tmpfs" {
		return 0, false
	}
	for _, option := range mount.Options {
		if text, ok := strings.CutPrefix(option, "mode="); ok {
			bits, err := strconv.ParseUint(text, 8, 12)
			mode := fs.FileMode(bits & 0o777)
			if bits&0o1000 != 0 {
				mode |= fs.ModeSticky
			}
			return mode, err == nil
		}
	}
	return 0, false
}
