package ahead

import (
	"os"
	"path/filepath"

	devices "github.com/opencontainers/cgroups/devices/config"
	"golang.org/x/sys/unix"
)

// makeNodes makes the device nodes in the new /dev. One that cannot be made is
// left to libcontainer, which may bind it.
func (p *plan) makeNodes(root int) error {
	if len(p.nodes) == 0 {
		return nil
	}
	dev, err := open(root, "dev")
	if err != nil {
		return os.NewSyscallError("openat2", err)
	}
	defer unix.Close(dev)
	for _, d := range p.nodes {
		if makeNode(dev, d) != nil {
			p.devices = append(p.devices, d)
		}
	}
	return nil
}

// makeNode makes one in a file system that nobody else can see yet. Its mode is set
// once more, for the umask.
func makeNode(dev int, d *devices.Device) error {
	mode := uint32(d.FileMode)
	switch d.Type {
	case devices.BlockDevice:
		mode |= unix.S_IFBLK
	case devices.CharDevice:
		mode |= unix.S_IFCHR
	case devices.FifoDevice:
		mode |= unix.S_IFIFO
	default:
		return unix.EINVAL
	}
	number, err := d.Mkdev()
	if err != nil {
		return err
	}
	name := filepath.Base(d.Path)
	if err := unix.Mknodat(dev, name, mode, int(number)); err != nil {
		return err
	}
	err = unix.Fchmodat(dev, name, uint32(d.FileMode), 0)
	if err == nil && (d.Uid != 0 || d.Gid != 0) {
		err = unix.Fchownat(dev, name, int(d.Uid), int(d.Gid), unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		_ = unix.Unlinkat(dev, name, 0)
	}
	return err
}
