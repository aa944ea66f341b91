package hooks

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"blackhole/hooks/params"
)

// writeHosts brings the hosts files of a container that came or went, and of those
// that its coming or going may be told to, up to date.
func (b *book) writeHosts(changed *entry) error {
	host, err := os.ReadFile("/etc/hosts")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var errs []error
	all := b.sorted()
	for _, e := range all {
		if e.Bundle != "" && b.mayReach(e, changed) {
			errs = append(errs, overwrite(filepath.Join(e.Bundle, params.HostsFile), b.hostsOf(e, all, host)))
		}
	}
	return errors.Join(errs...)
}

// mayReach: in a network namespace with no way out there is nobody else.
func (b *book) mayReach(a, c *entry) bool {
	return a.Namespace == c.Namespace || b.network(a).Mode != params.None && b.network(c).Mode != params.None
}

func (b *book) sorted() []*entry {
	all := make([]*entry, 0, len(b.Containers))
	for _, e := range b.Containers {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// hostsOf is the hosts file of one container: loopback, the containers that it
// reaches, itself among them, and what the host's own file says beyond that.
// The first line with a name wins (hosts(5)). all are the book's, sorted.
func (b *book) hostsOf(e *entry, all []*entry, host []byte) string {
	var text strings.Builder
	text.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	for _, other := range all {
		for _, a := range b.addressesFor(e, other) {
			fmt.Fprintf(&text, "%s\t%s\n", a, other.Name)
		}
	}
	for line := range strings.Lines(string(host)) {
		words, _, _ := strings.Cut(line, "#")
		fields := strings.Fields(words)
		if len(fields) < 2 || slices.Contains(fields[1:], "localhost") {
			continue
		}
		// What the host has at its own loopback is not at the service's.
		if a, err := netip.ParseAddr(fields[0]); err == nil && (!a.IsLoopback() || b.network(e).Mode == params.Host) {
			text.WriteString(strings.Join(fields, "\t") + "\n")
		}
	}
	return text.String()
}

// addressesFor is where e reaches other: nowhere when there is no network
// between them.
func (b *book) addressesFor(e, other *entry) []netip.Addr {
	from, to := b.network(e), b.network(other)
	switch {
	case from.Mode == params.None || to.Mode == params.None:
		if from == to {
			return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
		}
	case to.Mode == params.Isolated && (from.Mode == params.Host || from.Bridge == to.Bridge):
		if to.Address6.IsValid() {
			return []netip.Addr{to.Address, to.Address6}
		}
		return []netip.Addr{to.Address}
	case to.Mode == params.Host && from.Mode == params.Isolated:
		return []netip.Addr{from.Gateway}
	case to.Mode == params.Host && from.Mode == params.Host:
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return nil
}

// network is the container whose network namespace e is in: itself, or the one
// that it joined.
func (b *book) network(e *entry) *entry {
	if e.Mode != params.Joined {
		return e
	}
	for _, other := range b.Containers {
		if other.Mode != params.Joined && other.Namespace == e.Namespace {
			return other
		}
	}
	return e
}

// overwrite changes a file in place: it is bound into a container, which would
// keep seeing the old one if another took its name. A file that is not there
// is not made, a link is not followed, and what is not in a bundle is let be: the
// host's own /etc/hosts has the same name.
func overwrite(path, text string) error {
	if _, err := os.Lstat(filepath.Join(filepath.Dir(path), "config.json")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("cannot write %s: not a regular file", path)
	}
	// What stands there now is longer or shorter. One write puts the new text
	// over it, with empty lines for the rest, so that no reader and no crash
	// between this and the next call sees the end of an old line.
	padded := text + strings.Repeat("\n", max(0, int(info.Size())-len(text)))
	if _, err := f.WriteAt([]byte(padded), 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(text)))
}
