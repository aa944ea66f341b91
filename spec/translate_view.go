package spec

import (
	"errors"
	"maps"
	"path"
	"slices"

	"blackhole/hooks/params"
)

// topLevel are the folders of programs and libraries beside /usr: links into
// it on most distributions, folders of their own on some.
func topLevel() []string {
	return []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}
}

// etcFiles are what programs in general read in /etc, all of it public: names,
// the resolver, the dynamic linker, the time zone, TLS. A service's own
// configuration is listed under filesystem.read_only.
func etcFiles() []string {
	return []string{
		"/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
		"/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf",
		"/etc/services", "/etc/protocols",
		"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
		"/etc/localtime", "/etc/timezone",
		"/etc/os-release",
		"/etc/alternatives", // Debian's names of programs are links through it
		"/etc/ssl", "/etc/ca-certificates", "/etc/ca-certificates.conf",
		"/etc/pki", "/etc/crypto-policies", // Fedora's
	}
}

// keyFolders are the private keys inside etcFiles.
func keyFolders() []string {
	return []string{"/etc/ssl/private", "/etc/pki/tls/private", "/etc/pki/CA/private"}
}

// hostView shows the host's programs, read-only. What a host does not have is
// left out.
func (t *translator) hostView(m *mounts) error {
	m.links = map[string]string{}
	if err := t.show(m, "/usr"); err != nil {
		return err
	}
	for _, at := range topLevel() {
		file, err := t.host.Stat(at)
		if err == nil && file.Link != "" {
			if target, err := resolve(t.host, at); err == nil && m.shown(target) {
				m.links[at] = file.Link
				continue
			}
		}
		if err := t.show(m, at); err != nil {
			return err
		}
	}
	for _, at := range etcFiles() {
		if err := t.showEtc(m, at); err != nil {
			return err
		}
	}
	t.out.Links = m.links
	return nil
}

// show binds a path of the host read-only, if there is anything.
func (t *translator) show(m *mounts, at string) error {
	mode, err := t.modeOf(at)
	switch {
	case err != nil && !errors.Is(err, errLinkLoop):
		return nil // not there
	case err != nil:
		return err
	case mode.IsDir():
		m.bind(at, readOnlyFolder())
	default:
		m.bind(at, readOnlyFile())
	}
	return nil
}

// showEtc shows one of etcFiles. A link into what the service sees anyway stays
// a link: the time zone's name is where /etc/localtime points.
func (t *translator) showEtc(m *mounts, at string) error {
	file, err := t.host.Stat(at)
	if err != nil {
		return nil // not there
	}
	if file.Link != "" {
		target, err := resolve(t.host, at)
		if err != nil {
			return err
		}
		if _, err := t.host.Stat(target); err != nil {
			return nil // points nowhere
		}
		if m.shown(target) {
			m.links[at] = target
			if next := path.Join("/etc", file.Link); path.IsAbs(file.Link) || m.shown(next) {
				m.links[at] = file.Link
			}
			return nil
		}
		if at == "/etc/resolv.conf" {
			m.bind(at, readOnlyFile())
			mount := m.byPath[at]
			mount.Source = t.resolvConf(target)
			m.byPath[at] = mount
			return nil
		}
	}
	return t.show(m, at)
}

// resolvConf is the list of name servers for a service whose host has it at
// target: systemd-resolved's own, at 127.0.0.53, cannot be reached from another
// network, so there it is the list of those it asks itself (systemd-resolved(8)).
func (t *translator) resolvConf(target string) string {
	const stub, upstream = "/run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/resolv.conf"
	if target != stub || value(t.service.Network.Namespace) == "" && value(t.service.Network.Mode) == NetworkHost {
		return target
	}
	if _, err := t.host.Stat(upstream); err != nil {
		return target
	}
	return upstream
}

// program shows the folders of the program (where it is, and where it is if
// that is a link) and of the working directory, where nothing else shows them.
func (t *translator) program(m *mounts) error {
	if program := t.out.Config.Process.Args[0]; path.IsAbs(program) {
		target, err := resolve(t.host, program)
		if err != nil {
			return err
		}
		for _, at := range []string{path.Clean(program), target} {
			if m.shown(at) {
				continue
			}
			if folder := path.Dir(at); !m.holds(folder) {
				at = folder
			} // else of a folder that has other things in it, as /etc has, the file alone
			if err := t.show(m, at); err != nil {
				return err
			}
		}
	}
	cwd := path.Clean(t.out.Config.Process.Cwd)
	if m.around(cwd) == nil && !m.holds(cwd) {
		return t.show(m, cwd)
	}
	return nil
}

// hideKeys masks the private keys of the host inside what is shown, unless the
// service was given them.
func (t *translator) hideKeys(m *mounts) {
	for _, at := range keyFolders() {
		if _, err := t.host.Stat(at); err == nil && m.shown(at) && !m.holds(at) {
			t.out.Config.Linux.MaskedPaths = append(t.out.Config.Linux.MaskedPaths, at)
		}
	}
	slices.Sort(t.out.Config.Linux.MaskedPaths)
}

// skeleton lists what must be in the empty root file system before anything is
// mounted: nobody can make it afterwards, when it is read-only.
func (t *translator) skeleton(m *mounts) {
	dirs := map[string]bool{}
	for at, mount := range m.byPath {
		if m.around(path.Dir(at)) != nil {
			continue // inside another mount
		}
		// What is bound and not there yet is a writable folder.
		mode, err := t.modeOf(mount.Source)
		if folder := mount.Type != "bind" || err != nil || mode.IsDir(); folder && mount.Source != params.HostsFile {
			dirs[at] = true
		} else {
			t.out.Files = append(t.out.Files, at)
		}
	}
	if cwd := m.real(path.Clean(t.out.Config.Process.Cwd)); cwd != "/" && m.around(cwd) == nil {
		dirs[cwd] = true
	}
	t.out.Dirs = slices.Sorted(maps.Keys(dirs))
	slices.Sort(t.out.Files)
}
