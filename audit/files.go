package audit

import (
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// sockets are ways to have the host start anything, and the folders they are in.
func sockets() []string {
	return []string{
		"/run/docker.sock", "/run/containerd", "/run/podman", "/run/crio", "/run/buildkit", "/run/lxd.socket", "/var/lib/lxd/unix.socket",
		"/run/systemd", "/run/dbus", "/run/blackhole", "/run/libvirt", "/run/kubelet", "/var/lib/kubelet",
	}
}

// systemFolders are those whose files the host itself runs or believes.
func systemFolders() []string {
	return []string{
		"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/sbin", "/sys", "/usr",
		"/var/lib/containerd", "/var/lib/containers", "/var/lib/docker", "/var/run", "/var/spool/cron", "/run",
	}
}

// secrets are files and folders with keys or passwords.
func secrets() []string {
	return []string{
		"/etc/shadow", "/etc/gshadow", "/etc/ssl/private", "/etc/pki/tls/private", "/etc/ssh", "/etc/kubernetes", "/etc/sudoers",
		"/root", "/home", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/spool/cron",
	}
}

// reaches tells whether a folder shows what one of the others holds: it is one
// of them, or lies around it, or inside it.
func reaches(folder string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool { return covers(folder, other) || covers(other, folder) })
}

// covers tells whether below is folder or lies in it.
func covers(folder, below string) bool {
	return folder == below || folder == "/" || strings.HasPrefix(below, folder+"/")
}

// hostMounts are the mounts that show the host's files, by source; a root file
// system that is the host's is one.
func (a *auditor) hostMounts() []specs.Mount {
	var found []specs.Mount
	if r := a.config.Root; r != nil && path.Clean(r.Path) == "/" {
		m := specs.Mount{Destination: "/", Source: "/"}
		if r.Readonly {
			m.Options = []string{"ro"}
		}
		found = append(found, m)
	}
	for _, m := range a.config.Mounts {
		if !path.IsAbs(m.Source) || m.Type != "bind" && m.Type != "none" && m.Type != "" && !option(m, "bind", "rbind") {
			continue // of no file system of the host, or of a file in the bundle
		}
		m.Source = path.Clean(m.Source)
		if strings.HasPrefix(m.Source, "/var/run/") || m.Source == "/var/run" {
			m.Source = strings.TrimPrefix(m.Source, "/var") // a link to it everywhere
		}
		found = append(found, m)
	}
	return found
}

func option(m specs.Mount, names ...string) bool {
	return slices.ContainsFunc(m.Options, func(o string) bool { return slices.Contains(names, o) })
}

// readOnly: the last of the contrary options counts, as for mount(8).
func readOnly(m specs.Mount) bool {
	ro := false
	for _, o := range m.Options {
		switch o {
		case "ro", "rro":
			ro = true
		case "rw", "rrw":
			ro = false
		}
	}
	return ro
}

// hidden tells whether what lies at a path of the container is masked.
func (a *auditor) hidden(at string) bool {
	return slices.ContainsFunc(a.linux.MaskedPaths, func(masked string) bool { return covers(path.Clean(masked), at) })
}

// files checks what the container sees of the host's files.
func (a *auditor) files() {
	var control, written, read, setuid, devices []string
	for _, m := range a.hostMounts() {
		inside := func(others []string) []string { // those of others that the mount shows and nothing hides
			return slices.DeleteFunc(slices.Clone(others), func(other string) bool {
				return !reaches(m.Source, []string{other}) ||
					covers(m.Source, other) && a.hidden(path.Join(m.Destination, strings.TrimPrefix(other, m.Source)))
			})
		}
		if len(inside(sockets())) > 0 && !isData(m.Source) {
			control = append(control, m.Source)
		}
		if !readOnly(m) && reaches(m.Source, systemFolders()) && !isData(m.Source) {
			written = append(written, m.Source)
		}
		if len(inside(secrets())) > 0 {
			read = append(read, m.Source)
		}
		if !option(m, "nosuid", "rnosuid") {
			setuid = append(setuid, m.Destination)
		}
		if !option(m, "nodev", "rnodev") && !strings.HasPrefix(m.Source, "/dev/") {
			devices = append(devices, m.Destination)
		}
	}
	const oci = "mounts"
	floor, floorControl := 0.0, 7.0 // their permissions may be in the way of another user
	if a.hostRoot() {
		floor, floorControl = 9, 9
	}
	a.list(control, Check{Name: "control sockets", Weight: 0.4, Floor: floorControl, Service: "filesystem", OCI: oci,
		Found: "no socket that starts programs on the host", Advice: "without it"}, "reaches what starts programs on the host: ")
	a.list(written, Check{Name: "system folders", Weight: 0.4, Floor: floor, Service: "filesystem.writable", OCI: oci,
		Found: "writes to no folder of the host's system", Advice: "read-only, or a folder of its own"}, "may write to the host's ")
	a.list(read, Check{Name: "secrets", Weight: 0.2, Service: "filesystem", OCI: oci,
		Found: "sees no folder where the host keeps keys and passwords", Advice: "only the files it needs"}, "sees the host's ")
	a.list(setuid, Check{Name: "setuid programs", Weight: 0.1, OCI: oci,
		Found: "mounts of the host are nosuid", Advice: "nosuid"}, "not nosuid: ")
	a.list(devices, Check{Name: "device files", Weight: 0.1, OCI: oci,
		Found: "mounts of the host are nodev", Advice: "nodev"}, "not nodev: ")
	root := Check{Name: "root file system", Weight: 0.25, OCI: "root.readonly", Found: "read-only"}
	part := 0.0
	if a.config.Root == nil || !a.config.Root.Readonly {
		part = 1
		root.Found, root.Advice = "may be written to, its programs too", "true"
	}
	a.add(part, root)
	a.propagation()
}

// isData: what has a folder of its own in the system's is not the system's.
func isData(source string) bool {
	folders := []string{"/usr/local/share", "/usr/share", "/dev/shm", "/run/user", "/run/systemd/resolve"}
	return slices.ContainsFunc(folders, func(folder string) bool { return covers(folder, source) }) ||
		strings.HasPrefix(source, "/run/") && !reaches(source, sockets())
}

// list counts a check if there is anything of a kind.
func (a *auditor) list(found []string, c Check, words string) {
	part := 0.0
	if len(found) > 0 {
		slices.Sort(found)
		part = 1
		c.Found = words + list(slices.Compact(found))
	}
	a.add(part, c)
}

// propagation: what is mounted in the container appears on the host, and what
// is mounted on the host in the container (mount_namespaces(7)).
func (a *auditor) propagation() {
	shared := []string{}
	if strings.HasSuffix(a.linux.RootfsPropagation, "shared") {
		shared = append(shared, "/")
	}
	for _, m := range a.config.Mounts {
		if option(m, "shared", "rshared") {
			shared = append(shared, m.Destination)
		}
	}
	a.list(shared, Check{Name: "mount propagation", Weight: 0.1, OCI: "linux.rootfsPropagation",
		Found: "its mounts do not appear on the host", Advice: "private or slave"}, "shared with the host: ")
}
